#!/bin/sh
# Installs the program `pipeline` of a release: sh install.sh [VERSION]
#
#   PIPELINE_REPOSITORY  owner/name on GitHub; the copy of this script in a release knows its own
#   PIPELINE_DOWNLOADS   where the archives are; left out: the repository's releases
#   PIPELINE_BIN         the folder for the program; left out: ~/.local/bin
#
# Nothing is installed unless the archive has the digest that SHA256SUMS states.
set -eu

repository="${PIPELINE_REPOSITORY:-}"
version="${1:-latest}"
bin="${PIPELINE_BIN:-$HOME/.local/bin}"

fail() {
    echo "error: $*" >&2
    exit 1
}

fetch() {
    if command -v curl > /dev/null; then
        curl --proto '=https,file' --fail --silent --show-error --location --output "$2" "$1"
    elif command -v wget > /dev/null; then
        wget --quiet --output-document "$2" "$1"
    else
        fail "neither curl nor wget is installed"
    fi || fail "$1 cannot be fetched"
}

digest() {
    if command -v sha256sum > /dev/null; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
    Linux-aarch64 | Linux-arm64) target=aarch64-unknown-linux-gnu ;;
    Darwin-x86_64) target=x86_64-apple-darwin ;;
    Darwin-arm64) target=aarch64-apple-darwin ;;
    *) fail "there is no release for $(uname -s) on $(uname -m): cargo install --path . builds it" ;;
esac

if [ -n "${PIPELINE_DOWNLOADS:-}" ]; then
    from="$PIPELINE_DOWNLOADS"
elif [ -z "$repository" ]; then
    fail "PIPELINE_REPOSITORY=owner/name says whose releases are meant"
elif [ "$version" = latest ]; then
    from="https://github.com/$repository/releases/latest/download"
else
    from="https://github.com/$repository/releases/download/v${version#v}"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
archive="pipeline-$target.tar.gz"
fetch "$from/SHA256SUMS" "$folder/SHA256SUMS"
fetch "$from/$archive" "$folder/$archive"
stated=$(awk -v name="$archive" '$2 == name { print $1 }' "$folder/SHA256SUMS")
[ -n "$stated" ] || fail "SHA256SUMS does not name $archive"
found=$(digest "$folder/$archive")
[ "$stated" = "$found" ] || fail "$archive has the digest $found, and SHA256SUMS states $stated: nothing is installed"

tar -xzf "$folder/$archive" -C "$folder"
mkdir -p "$bin"
# By a rename: a program that runs is not written over.
cp "$folder/pipeline/pipeline" "$bin/.pipeline.new"
mv "$bin/.pipeline.new" "$bin/pipeline"
echo "installed $("$bin/pipeline" --version) as $bin/pipeline"
case ":$PATH:" in
    *":$bin:"*) ;;
    *) echo "add $bin to PATH to call it by its name" ;;
esac
