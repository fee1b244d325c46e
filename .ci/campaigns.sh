#!/usr/bin/env bash
# The long campaigns, which `.ci/run` leaves out; once a week is enough. Some ten minutes after the build, and then
# FUZZ_MINUTES (10) of fuzzing for each target, with a seed that is another one every week. See docs/fuzzing.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/pipeline-target}"
minutes=${FUZZ_MINUTES:-10}
unset FUZZ_MINUTES

PIPELINE_CAMPAIGNS=1 cargo test --release --locked

# The project's own crates are built once more, with counters on every edge.
seed=${FUZZ_SEED:-$(date +%G%V)}
echo "fuzzing: seed $seed, $minutes minutes for each target"
FUZZ_MINUTES="$minutes" FUZZ_SEED="$seed" RUSTC_WORKSPACE_WRAPPER="$PWD/tests/fuzz/coverage.sh" \
    cargo test --release --locked --test fuzz
