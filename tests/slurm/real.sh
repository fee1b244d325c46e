#!/usr/bin/env bash
# What can go wrong with jobs of a real Slurm; each time the artifacts must be those of a local run.
# usage: eval "$(tests/slurm/start.sh /tmp/slurm)"; tests/slurm/real.sh BINARY [SCENARIO…]
# shellcheck disable=SC2329  # scenarios are called by their names
set -uo pipefail
pipeline=$(realpath "$1")
shift
work=$(mktemp -d "${TMPDIR:-/tmp}/slurm-jobs.XXXXXX")
cd "$work" || exit
export PIPELINE_CLUSTER=$work/cluster.toml
all=(undisturbed killed requeued node_down time_limit memory_limit submit_killed controller_away)
[ $# -gt 0 ] && all=("$@")

cat >recipe.toml <<'TOML'
format = 1
name = "finetune"
extends = ["finetune"]
[vars]
stays = 1000
[resources.pretrain]
mem = "1500M"
[stages.pretrain]
# A minute on a fast machine: what goes wrong must find it at work.
epochs = 60
TOML

cluster() {
    printf 'format = 1\npartition = "main"\npoll_seconds = 5\nwarn_seconds = 30\n%s\n' "${1:-}" >cluster.toml
}

# Names, digests and statuses of all artifacts of a run.
digests() {
    python3 -c '
import json, sys
document = json.load(sys.stdin)
if sys.argv[1] == "cached":
    executed = [stage["name"] for stage in document["stages"] if stage["status"] != "cached"]
    assert not executed, f"not in the store: {executed}"
for stage in document["stages"]:
    for name, output in sorted(stage["outputs"].items()):
        print(stage["name"], name, output["digest"])
' "$1"
}

# The id of the job of a stage, or of its newest.
job_of() {
    squeue -h -t all --me -o '%A %j' | awk -v stage="-$1." 'index($2, stage) {print $1}' | sort -n | tail -1
}

# Waits until the job of a stage has run for a while.
running() {
    local job
    for _ in $(seq 600); do
        job=$(job_of "$1")
        [ -n "$job" ] && [ "$(squeue -h -j "$job" -o %T 2>/dev/null)" = RUNNING ] && break
        sleep 0.5
    done
    sleep "${2:-3}"
    echo "$job"
}

submit() {
    "$pipeline" submit recipe.toml >submit.out 2>submit.err
    local code=$?
    run=$(sed -n 's/^run \([^:]*\):.*/\1/p' submit.out)
    return "$code"
}

# Watches until nothing more comes by itself.
watch() {
    timeout 1500 "$pipeline" watch "$run" >watch.out 2>watch.err
}

begin() {
    export PIPELINE_STORE=$work/$1
    cluster "${2:-}"
    submit || { cat submit.err; return 1; }
}

undisturbed() { begin "$1" && watch; }

killed() {
    begin "$1" || return 1
    local worker
    running pretrain >/dev/null
    worker=$(pgrep -f "worker --store $PIPELINE_STORE" | head -1)
    [ -n "$worker" ] || return 1
    kill -9 "$worker"
    watch
    submit && watch
}

requeued() {
    begin "$1" || return 1
    scontrol requeue "$(running pretrain)"
    watch
}

node_down() {
    begin "$1" || return 1
    local job node
    job=$(running pretrain)
    node=$(squeue -h -j "$job" -o %N)
    scontrol update nodename="$node" state=down reason=test
    sleep 10
    # Slurm may have taken it back by itself.
    scontrol update nodename="$node" state=resume 2>/dev/null
    watch || { submit && watch; }
}

time_limit() {
    begin "$1" || return 1
    scontrol update jobid="$(running pretrain)" timelimit=1
    watch
}

memory_limit() {
    sed -i 's/1500M/60M/' recipe.toml
    begin "$1" 'retry = { mem_factor = 16, times = 1 }' && watch
    local code=$?
    sed -i 's/60M/1500M/' recipe.toml
    return "$code"
}

submit_killed() {
    mkdir -p bin
    # shellcheck disable=SC2016  # $@ and $PPID are the new script's
    printf '#!/bin/sh\n%s "$@"\nkill -9 $PPID\n' "$(command -v sbatch)" >bin/sbatch
    chmod +x bin/sbatch
    export PIPELINE_STORE=$work/$1
    cluster
    PATH=$work/bin:$PATH "$pipeline" submit recipe.toml >/dev/null 2>&1
    [ $? -eq 137 ] || return 1
    submit && watch
}

controller_away() {
    begin "$1" || return 1
    running pretrain >/dev/null
    scontrol shutdown slurmctld
    sleep 60
    slurmctld
    watch || { submit && watch; }
}

PIPELINE_STORE=$work/local "$pipeline" run recipe.toml --threads 1 --format json 2>/dev/null | digests any >expected
[ -s expected ] || { echo "the local run failed"; exit 1; }
failed=0
for scenario in "${all[@]}"; do
    start=$(date +%s)
    "$scenario" "$scenario"
    code=$?
    # Asked of the store, which must have everything.
    "$pipeline" run recipe.toml --format json 2>/dev/null | digests cached >found
    executions=$(grep -h '"executed"' "$PIPELINE_STORE"/runs/*/events.jsonl 2>/dev/null | grep -o '"name":"[a-z:]*"' | sort | uniq -d | tr '\n' ' ')
    if [ $code -eq 0 ] && cmp -s expected found; then
        echo "ok      $scenario  $(($(date +%s) - start)) s  executed twice to the end: ${executions:-nothing}"
    else
        echo "FAILED  $scenario  (exit code $code, in $PIPELINE_STORE)"
        cat watch.out watch.err
        failed=1
    fi
done
[ $failed -eq 0 ] && rm -rf "$work"
exit $failed
