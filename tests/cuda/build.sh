#!/usr/bin/env bash
# Builds pipeline with `--features cuda` on a machine without a GPU: NVIDIA's compiler comes from PyPI.
#
#     tests/cuda/build.sh [FOLDER]     FOLDER holds the toolkit, about 1.2 GB; by default target/cuda-toolkit
#
# Wants python3 with pip, and the C++ compiler that the other dependencies want, too. CUDA_HOME, if it is set, is
# used instead of a toolkit from PyPI. The kernels are compiled for CUDA_COMPUTE_CAP, by default 80: GPUs from
# Ampere on.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:-target/cuda-toolkit}
# cudarc refuses a toolkit that is newer than it knows.
version=13.0

if [ -z "${CUDA_HOME:-}" ]; then
    export CUDA_HOME="$folder/nvidia/cu13"
    if [ ! -x "$CUDA_HOME/bin/nvcc" ]; then
        python3 -m pip install --quiet --no-deps --root-user-action ignore --target "$folder" \
            nvidia-{cuda-nvcc,cuda-runtime,cuda-cccl,cuda-nvrtc,cuda-crt,nvvm}=="$version.*" \
            nvidia-cublas=="$version.*" nvidia-curand=="10.4.*"
    fi
    CUDA_HOME=$(cd "$CUDA_HOME" && pwd)
    # The packages have no names to link with. All functions are found at run time: an empty libcuda.so will do.
    for library in "$CUDA_HOME"/lib/lib*.so.*; do
        ln -sf "$(basename "$library")" "${library%%.so.*}.so"
    done
    ln -sfn lib "$CUDA_HOME/lib64"
    mkdir -p "$CUDA_HOME/lib/stubs"
    cc -shared -o "$CUDA_HOME/lib/stubs/libcuda.so" -Wl,-soname,libcuda.so.1 -x c /dev/null
fi
export PATH="$CUDA_HOME/bin:$PATH" CUDA_COMPUTE_CAP=${CUDA_COMPUTE_CAP:-80}

# Lints first: they stop where a warning would.
cargo clippy --release --locked --workspace --features cuda --all-targets -- -D warnings
cargo build --release --locked --features cuda
binary=${CARGO_TARGET_DIR:-target}/release/pipeline

# It must start where no library of NVIDIA's is, and say so.
if readelf -d "$binary" | grep NEEDED | grep -E 'lib(cu|nv)'; then
    echo "the binary needs NVIDIA's libraries to start: src/cuda_libraries.rs of crates/device lacks a function of theirs" >&2
    exit 1
fi
"$binary" --version
if [ ! -e /dev/nvidia0 ]; then
    recipe=tests/fixtures/recipes/mlp-head.toml
    for command in "selftest --device cuda:0" "run $recipe --device cuda:0,cuda:1"; do
        code=0
        # shellcheck disable=SC2086 # words of a command line
        "$binary" $command || code=$?
        [ "$code" = 2 ] || { echo "$command: without a driver the exit code is $code, not 2" >&2; exit 1; }
    done
    # A login node plans for the GPUs of others.
    store=$(mktemp -d)
    "$binary" plan "$recipe" --store "$store" --device cuda:0 >/dev/null
    rm -r "$store"
fi
toolkit=$(du -shL "$CUDA_HOME" | cut -f1)
echo "built in $SECONDS s; the toolkit has $toolkit, the binary $(stat -c %s "$binary") bytes"
