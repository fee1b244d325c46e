#!/usr/bin/env bash
# Makes the archive of a release from a wheel: packaging/archive.sh WHEEL TARGET FOLDER
#
# The program, its licences, manual pages and completions, as pipeline-TARGET.tar.gz; beside it what the wheel says it is
# made of, pipeline-TARGET.cyclonedx.json.
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=$(realpath "$1")
target=$2
out=$(realpath -m "$3")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$out" "$folder/pipeline/completions" "$folder/pipeline/man"

python3 -m zipfile -e "$wheel" "$folder/wheel"
program=$folder/pipeline/pipeline
cp "$folder"/wheel/*.data/scripts/pipeline "$program"
chmod 755 "$program"
cp LICENSE-MIT LICENSE-APACHE README.md CHANGELOG.md "$folder/pipeline"
"$program" man "$folder/pipeline/man" > /dev/null
for shell in bash zsh fish; do
    "$program" completions "$shell" > "$folder/pipeline/completions/pipeline.$shell"
done
# The same files give the same bytes, whoever packs them and when.
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$folder" -cf - pipeline \
    | gzip -9n > "$out/pipeline-$target.tar.gz"
cp "$folder"/wheel/*.dist-info/sboms/pipeline.cyclonedx.json "$out/pipeline-$target.cyclonedx.json"
