#!/usr/bin/env bash
# `cargo run` and `cargo test` must ask for every dependency with the same features: else all that depends on one which
# differs is built twice. What only tests depend on is built once in any case.
set -euo pipefail
cd "$(dirname "$0")/.."

features() {
    cargo tree --workspace --locked --prefix none --format '{p} {f}' --edges "$1" |
        sed 's/ (\*)$//' | grep -v '^pipeline' | sort -u
}
both=$(comm -3 <(features no-dev) <(features all))
# A crate in the left column is built for `cargo run` in a way that `cargo test` does not want.
if twice=$(grep -v $'^\t' <<<"$both" | grep .); then
    echo "built twice, for cargo run and for cargo test:"
    echo "$twice"
    echo "hint: ask for the missing features in [dependencies] of Cargo.toml"
    exit 1
fi
