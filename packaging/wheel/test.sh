#!/usr/bin/env bash
# Installs a wheel into an empty virtual environment and does the main job there: packaging/wheel/test.sh WHEEL
#
# No network, no Rust and no Python package but pip are within reach. What the machine lacks (unshare, qemu) is told, and
# that part is left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
wheel=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
say() { printf '%s\n' "$*" >&2; }

offline=()
if unshare --net true 2> /dev/null; then
    offline=(unshare --net)
else
    say "unshare is not allowed here: that no network is needed is not tested"
fi

# Nothing of the environment but a home, and nothing on PATH but what was installed.
python3 -m venv "$folder/venv"
isolated() { "${offline[@]}" /usr/bin/env -i HOME="$folder" PATH="$folder/venv/bin" "$@"; }
started=$(date +%s%N)
isolated python -m pip install --quiet --disable-pip-version-check --no-index "$wheel"
say "installed in $((($(date +%s%N) - started) / 1000000)) ms: $(du -h "$wheel" | cut -f1)B"
for tool in cargo rustc; do
    if isolated /bin/sh -c "command -v $tool"; then
        say "$tool is within reach: this would prove nothing"
        exit 1
    fi
done

cd "$folder"
version=$(isolated pipeline --version)
[ "$(isolated python -m pretrain_finetune --version)" = "$version" ]
say "$version, also by python -m pretrain_finetune"

started=$(date +%s%N)
isolated pipeline init first --quiet > /dev/null
isolated pipeline run first/recipe.toml --quiet --format json > run.json
say "the main job took $((($(date +%s%N) - started) / 1000000)) ms"
isolated pipeline plan first/recipe.toml --check > /dev/null
isolated python - <<'PYTHON'
import json
import pretrain_finetune as pf

with open("run.json") as file:
    first = json.load(file)
run = pf.run("first/recipe.toml", progress=False)
assert run.status == "done" and all(stage.status == "cached" for stage in run.stages), run
auroc = run["test"].metrics["auroc"]
assert first["stages"][-1]["metrics"]["auroc"] == auroc and 0.7 < auroc < 1, auroc
assert pf.plan("finetune").is_up_to_date, "the shipped recipe is the one that init writes"
print(f"AUROC {auroc:.4f}")
PYTHON

if [ "$(uname -m)" = x86_64 ] && command -v qemu-x86_64 > /dev/null; then
    program=$folder/venv/bin/pipeline
    qemu-x86_64 -cpu Nehalem "$program" run finetune frozen --set vars.stays=20 --set stages.pretrain.epochs=1 \
        --store other > /dev/null 2> told.txt
    grep -q 'this CPU has no AVX2' told.txt || { say "a CPU without AVX2 is not told of:"; cat told.txt >&2; exit 1; }
    say "it pretrains on a CPU without AVX2, and says so"
else
    say "there is no qemu-x86_64: a CPU without AVX2 is not tested"
fi
say "the wheel works"
