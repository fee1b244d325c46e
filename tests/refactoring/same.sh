#!/usr/bin/env bash
# Shows that a change of the program's inside changed nothing that can be seen: keys, digests, metrics, schemas, help.
#
#   tests/refactoring/same.sh OLD/pipeline NEW/pipeline
#
# Runs the default recipe with both, and plans every shipped recipe whose data are there (PHYSIONET2012 and MEDS name
# their folders; a recipe without its data is told, not passed over). Prints each difference, and ends with 1 if there is any.
set -euo pipefail
old=$(realpath "$1")
new=$(realpath "$2")
root=$(realpath "$(dirname "$0")/../..")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
differences=0

# same NAME ARGUMENTS…: both programs print the same and end alike.
same() {
    name=$1
    shift
    for program in old new; do
        binary=${!program}
        (cd "$root" && "$binary" "$@" >"$folder/$program.out" 2>"$folder/$program.err"; echo "exit $?" >>"$folder/$program.out") || true
    done
    if cmp -s "$folder/old.out" "$folder/new.out" && cmp -s "$folder/old.err" "$folder/new.err"; then
        echo "same: $name"
    else
        echo "DIFFERENT: $name"
        diff "$folder/old.out" "$folder/new.out" | head -20 || true
        diff "$folder/old.err" "$folder/new.err" | head -20 || true
        differences=$((differences + 1))
    fi
}

for document in recipe lock run plan compare sweep inspect audit metrics curves diagnosis; do
    same "schema $document" schema "$document"
done
same "help" --help
for command in run plan explain graph check outputs export diagnose report inspect sweep runs mlflow compare cache lock schema completions man; do
    same "$command --help" "$command" --help
done
same "completions" completions bash
same "manual" man

# Keys, settings and inputs of every stage, as far as they are known before anything runs; and every default.
for recipe in "$root"/recipes/*.toml; do
    name=$(basename "$recipe")
    same "check $name" check "$recipe" --resolved
    same "plan $name" plan "$recipe" --format json --verbose --store "$folder/none"
    same "graph $name" graph "$recipe" --format mermaid
done
same "sweep plan" sweep plan recipes/physionet2012-sweep.toml --format json --store "$folder/none"

# Everything that a whole run leaves: the store of one program is up to date for the other, byte for byte.
recipe=tests/fixtures/recipes/mlp-head.toml
settings=(--set vars.stays=160 --set stages.pretrain.epochs=2 --set stages.classifier.epochs=5)
for program in old new; do
    binary=${!program}
    (cd "$root" && "$binary" run "$recipe" "${settings[@]}" --store "$folder/store-$program" --quiet >/dev/null)
    (cd "$folder/store-$program" && find actions -name '*.json' -exec basename {} \; | sort && find blobs -type f -exec basename {} \; | sort) >"$folder/$program.store"
done
if cmp -s "$folder/old.store" "$folder/new.store"; then
    echo "same: keys and digests of the default recipe ($(wc -l <"$folder/new.store"))"
else
    echo "DIFFERENT: keys or digests of the default recipe"
    diff "$folder/old.store" "$folder/new.store" || true
    differences=$((differences + 1))
fi
same "plan" plan "$recipe" --check "${settings[@]}" --store "$folder/store-old"
same "outputs" outputs "$recipe" "${settings[@]}" --store "$folder/store-old"
same "explain" explain "$recipe" classifier "${settings[@]}" --store "$folder/store-old"
(cd "$root" && "$old" report "$recipe" "${settings[@]}" --store "$folder/store-old" --output "$folder/old.html" >/dev/null 2>&1)
(cd "$root" && "$new" report "$recipe" "${settings[@]}" --store "$folder/store-old" --output "$folder/new.html" >/dev/null 2>&1)
if cmp -s "$folder/old.html" "$folder/new.html"; then
    echo "same: report"
else
    echo "DIFFERENT: report"
    differences=$((differences + 1))
fi

echo "$differences differences"
test "$differences" -eq 0
