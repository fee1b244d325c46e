# shellcheck shell=sh disable=SC2034  # the script that sources it reads what it sets
# Sourced by the scripts beside it with their own arguments: the program, and a Python unless it is
# $PIPELINE_TEST_PYTHON or python3. They set `module` before, to what that Python needs; without it this says so and
# ends well.
#
# Leaves $pipeline, $python and $recipe, in a temporary folder that is gone at the end, as is the process $server.
pipeline=$(realpath "$1")
python=${2:-${PIPELINE_TEST_PYTHON:-python3}}
recipe=$(realpath "$(dirname "$0")/../../tests/fixtures/recipes/mlp-head.toml")
if ! "$python" -c "import ${module:?}" 2>/dev/null; then
    echo "notice: $python has no $module: nothing is tested"
    exit 0
fi
folder=$(mktemp -d)
server=
finish() {
    test -z "$server" || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT INT TERM
cd "$folder" || exit
