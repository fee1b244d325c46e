#!/usr/bin/env bash
# Runs `pipeline selftest --device cuda:0` without a GPU: the kernels, candle's included, are compiled for the CPU
# below a driver that emulates NVIDIA's. What it shows: the kernels compute what they should, are given what they
# ask for, and write nothing beside their memory. What it cannot show: races, cuBLAS, speed.
#
#     tests/cuda/emulated/run.sh BINARY [COMMAND…]     BINARY is a pipeline built with `--features cuda`
#
# Wants CUDA_HOME (headers only) and g++ on x86-64. It has two GPUs, cuda:0 and cuda:1. A folder EMULATED_DRIVER, if it is
# set, keeps the driver from one call to the next.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- selftest --device cuda:0
if [ -n "${EMULATED_DRIVER:-}" ]; then
    build=$(mkdir -p "$EMULATED_DRIVER" && cd "$EMULATED_DRIVER" && pwd)
else
    build=$(mktemp -d)
    trap 'rm -r "$build"' EXIT
fi
if [ -e "$build/libcurand.so.10" ]; then
    LD_LIBRARY_PATH=$build "$binary" "$@"
    exit
fi

candle=$(cd "$here/../../.." && cargo metadata --format-version 1 --locked --features cuda --filter-platform x86_64-unknown-linux-gnu |
    python3 -c 'import json, os, sys
packages = json.load(sys.stdin)["packages"]
print(next(os.path.dirname(p["manifest_path"]) for p in packages if p["name"] == "candle-kernels"))')/src
ours=$here/../../../crates/device/kernels
flags=(-std=c++17 -O1 -fPIC -w -I"$here" -I"$CUDA_HOME/include" -I"$CUDA_HOME/include/cccl" -D__CUDACC_VER_MAJOR__=13 -D__CUDACC_VER_MINOR__=0)

# One unit a file of kernels: the file, and the names in it.
unit() {
    local name=$1 file=$2 folder
    folder=$(dirname "$file")
    {
        echo '#include "device.hpp"'
        echo "#include \"$file\""
        echo '#include "kernels.hpp"'
        g++ "${flags[@]}" -I"$folder" -E -P -x c++ -include "$here/device.hpp" "$file" |
            tr '\n' ' ' | sed 's/extern "C"/\n&/g' |
            sed -nE 's/^extern "C" +(__attribute__\(\([^)]*\)\) +)?void +([A-Za-z0-9_]+)\(.*/\2/p' | sort -u |
            sed -E "s/.*/static bool known_& = known(\"&\", \&&);/"
    } >"$build/$name.cpp"
    g++ "${flags[@]}" -I"$folder" -c "$build/$name.cpp" -o "$build/$name.o"
}
for file in "$ours"/*.cu; do unit "ours_$(basename "$file" .cu)" "$file"; done
for name in affine binary cast fill indexing reduce ternary unary; do unit "candle_$name" "$candle/$name.cu"; done
cat >"$build/names.cpp" <<'END'
#include "kernels.hpp"
std::unordered_map<std::string, Kernel> &kernels() {
    static std::unordered_map<std::string, Kernel> all;
    return all;
}
alignas(16) thread_local float shared[SHARED_BYTES / sizeof(float)];
END
for file in "$here/fibers.cpp" "$here/driver.cpp" "$build/names.cpp"; do
    g++ "${flags[@]}" -c "$file" -o "$build/$(basename "$file" .cpp).o"
done
# Each unit of candle's has the same helpers.
g++ -shared -Wl,-z,muldefs -o "$build/libcuda.so.1" "$build"/*.o
ln -s libcuda.so.1 "$build/libcublas.so.13"
ln -s libcuda.so.1 "$build/libcurand.so.10"
LD_LIBRARY_PATH=$build "$binary" "$@"
