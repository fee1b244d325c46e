#!/usr/bin/env bash
# Makes report.png, the first screen of the report of the main job: docs/images/make.sh
# Chromium and `pipeline` must be on the PATH. The main job runs in a folder of its own, which takes a minute or two.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
pipeline run finetune --quiet >/dev/null
pipeline report finetune >/dev/null
browser=$(command -v chromium || command -v google-chrome)
"$browser" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/profile" \
    --window-size=1280,800 --screenshot="$here/report.png" "file://$folder/report.html" 2>/dev/null
echo "$here/report.png"
