#!/usr/bin/env bash
# The feature matrix, which `.ci/run` leaves out: it fetches a CUDA toolkit (1.2 GB) and takes half an hour.
#
#     .ci/matrix.sh [FOLDER]     FOLDER keeps the toolkit
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/pipeline-target}"

cargo clippy --release --workspace --all-targets --locked -- -D warnings
cargo clippy --release --workspace --all-targets --locked --no-default-features -- -D warnings
folder=${1:-target/cuda-toolkit}
bash tests/cuda/build.sh "$folder"
CUDA_HOME=${CUDA_HOME:-$folder/nvidia/cu13} bash tests/cuda/emulated/run.sh "$CARGO_TARGET_DIR/release/pipeline"
