#!/usr/bin/env bash
# Builds the site of the documentation into target/site/html. A dead link, or a page that the navigation lacks, is an error.
# The gallery links reports, which its tests make: that needs Rust and takes some minutes. `build.sh --without-reports` leaves them out.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=target/site/python
if [ ! -x "$python/bin/mkdocs" ]; then
    python3 -m venv "$python"
    "$python/bin/pip" install --quiet --requirement docs/site/requirements.txt
fi
if [ "${1:-}" != --without-reports ]; then
    rm -rf target/site/reports
    GALLERY_REPORTS=$PWD/target/site/reports cargo test --release --locked --test main gallery
fi
python3 docs/site/stage.py target/site/pages target/site/reports
NO_MKDOCS_2_WARNING=1 "$python/bin/mkdocs" build --strict --config-file docs/site/mkdocs.yml
echo target/site/html/index.html
