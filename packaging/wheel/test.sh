#!/usr/bin/env bash
# Does what the README begins with, in an empty virtual environment: packaging/wheel/test.sh WHEEL
#
# The commands of its first block are run as they stand there: one installs the wheel, one does the main job.
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
isolated() {
    "${offline[@]}" /usr/bin/env -i HOME="$folder" PATH="$folder/venv/bin" PIP_NO_INDEX=1 PIP_QUIET=1 \
        PIP_DISABLE_PIP_VERSION_CHECK=1 "$@"
}
for tool in cargo rustc; do
    if isolated /bin/sh -c "command -v $tool"; then
        say "$tool is within reach: this would prove nothing"
        exit 1
    fi
done

mapfile -t commands < <(awk '/^```sh$/ { inside = 1; next } /^```$/ && inside { exit } inside' README.md)
if [ "${#commands[@]}" != 2 ] || [[ ${commands[0]} != pip\ * || ${commands[1]} != pipeline\ * ]]; then
    say "README.md does not begin with pip and the main job: ${commands[*]}"
    exit 1
fi
mkdir "$folder/dist"
cp "$wheel" "$folder/dist"
cd "$folder"
say "$(du --apparent-size --block-size=1 dist/*.whl | cut -f1) bytes"
for command in "${commands[@]}"; do
    started=$(date +%s%N)
    isolated /bin/sh -c "$command" > told.txt 2>&1 || { cat told.txt >&2; exit 1; }
    say "$command: $((($(date +%s%N) - started) / 1000000)) ms"
done

version=$(isolated pipeline --version)
[ "$(isolated python -m pretrain_finetune --version)" = "$version" ]
say "$version, also by python -m pretrain_finetune"

isolated pipeline init first --quiet > /dev/null
isolated pipeline plan first/recipe.toml --check > /dev/null
isolated python - <<'PYTHON'
import pretrain_finetune as pf

run = pf.run("finetune", progress=False)
assert run.status == "done" and all(stage.status == "cached" for stage in run.stages), run
auroc = run["test"].metrics["auroc"]
assert 0.7 < auroc < 1, auroc
assert pf.plan("first/recipe.toml").is_up_to_date, "init writes the shipped recipe"
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
