#!/usr/bin/env bash
# Makes an archive of a wheel and installs it as install.sh does, from a folder: packaging/test-install.sh WHEEL
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
target=$(uname -m)-unknown-linux-gnu
packaging/archive.sh "$1" "$target" "$folder/release"
(cd "$folder/release" && sha256sum -- * > SHA256SUMS)
export PIPELINE_DOWNLOADS="file://$folder/release" PIPELINE_BIN="$folder/bin"
sh packaging/install.sh
"$folder/bin/pipeline" check finetune > /dev/null
tar -tzf "$folder/release/pipeline-$target.tar.gz" | grep -q '^pipeline/man/pipeline.1$'

# An archive that is not what was stated is not installed.
echo damage >> "$folder/release/pipeline-$target.tar.gz"
rm "$folder/bin/pipeline"
if sh packaging/install.sh 2> "$folder/told"; then
    echo "a damaged archive was installed" >&2
    exit 1
fi
grep -q 'nothing is installed' "$folder/told"
[ ! -e "$folder/bin/pipeline" ]
echo "install.sh works"
