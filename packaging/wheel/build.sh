#!/usr/bin/env bash
# Builds the wheel from a checkout: packaging/wheel/build.sh [FOLDER]. Linux on x86-64 or aarch64, Rust and Python needed.
#
# FOLDER (dist by default) gets the wheel and the symbols of its program. The program needs glibc 2.28 or later, RHEL 8's:
# zig links it against that version whatever this machine has. What maturin and zig are is in requirements.txt, how the
# program is compiled in Cargo.toml, `[profile.wheel]`.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(realpath -m "${1:-dist}")
glibc=2.28
target=$(uname -m)-unknown-linux-gnu
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"

# Nothing of what is built here depends on the tools' own environment.
tools=$CARGO_TARGET_DIR/wheel-tools
if ! [ -x "$tools/bin/maturin" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r packaging/wheel/requirements.txt
fi
export PATH="$tools/bin:$PATH"

raw=$CARGO_TARGET_DIR/wheel-raw
rm -rf "$raw"
# Of the last crate alone: its symbols are kept, and split off below.
maturin build --locked --zig --compatibility "manylinux_${glibc/./_}" --target "$target" --out "$raw" \
    -- -C strip=none
python packaging/wheel/finish.py --glibc "$glibc" --most-megabytes 15 --out "$out" "$raw"/*.whl
