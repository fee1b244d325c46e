#!/usr/bin/env bash
# The long campaigns, which `.ci/run` leaves out; once a week is enough. Some ten minutes after the build.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/pipeline-target}"

PIPELINE_CAMPAIGNS=1 cargo test --release --locked
