#!/usr/bin/env bash
# A sweep of 100 heads, or one with halving, as jobs, beside the same sweep by two jobs of one machine: the same
# artifacts, and how long it took.
# usage: eval "$(tests/slurm/start.sh /tmp/slurm)"; tests/slurm/sweep.sh BINARY [heads|halving]
set -euo pipefail
pipeline=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/slurm-sweep.XXXXXX")
cd "$work"
cat >recipe.toml <<'TOML'
format = 1
name = "finetune"
extends = ["finetune"]
[vars]
stays = 1000
[stages.pretrain]
epochs = 2
[stages.classifier]
subsample = { stays = 100, seed = 1 }
[sweep]
objective = { stage = "classifier", metric = "validation_auroc", direction = "maximize" }
[sweep.grid]
"stages.classifier.subsample.seed" = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
TOML
case ${2:-heads} in
heads) echo '"stages.classifier.subsample.stays" = [50, 100, 200, 300, 400]' ;;
halving) printf '[sweep.halving]\npath = "stages.classifier.subsample.stays"\nrungs = [50, 150, 400]\nkeep = 0.34\n' ;;
esac >>recipe.toml
printf 'format = 1\npartition = "main"\npoll_seconds = 5\n' >cluster.toml
export PIPELINE_CLUSTER=$work/cluster.toml
digests() {
    python3 -c '
import json, sys
document = json.load(sys.stdin)
for stage in sorted(document["stages"], key=lambda stage: stage["name"]):
    for name, output in sorted(stage["outputs"].items()):
        print(stage["name"], name, output["digest"])
for setting in document["settings"]:
    print(setting["name"], setting["objective"])
'
}
start=$(date +%s)
"$pipeline" sweep recipe.toml --jobs 2 --threads 2 --store local --format json 2>/dev/null | digests >expected
local=$(($(date +%s) - start))
start=$(date +%s)
"$pipeline" submit recipe.toml --store jobs | tee submit.out
run=$(sed -n 's/^run \([^:]*\):.*/\1/p' submit.out)
"$pipeline" watch "$run" --store jobs >watch.out 2>watch.err || { cat watch.out watch.err; exit 1; }
jobs=$(($(date +%s) - start))
"$pipeline" sweep recipe.toml --store jobs --format json 2>/dev/null | tee sweep.json | digests >found
cmp expected found
grep -q '"executed": {}' sweep.json || { echo "the sweep executed something"; exit 1; }
echo "the same $(wc -l <found) artifacts and settings; $local s by two jobs of one machine, $jobs s by Slurm"
rm -rf "$work"
