#!/bin/sh
# Writes event files and asks a real TensorBoard which scalars it finds in them.
#
#   tests/trackers/tensorboard.sh target/release/pipeline [python3]
#
# Python needs `tensorboard` (pip install tensorboard); without it this says so and ends well.
set -eu
module=tensorboard
# shellcheck source=tests/trackers/setup.sh
. "$(dirname "$0")/setup.sh"
set -- --set vars.stays=160 --set stages.pretrain.epochs=2 --set stages.classifier.epochs=5
"$pipeline" run "$recipe" "$@" --quiet >/dev/null
"$pipeline" export "$recipe" boards --layout tensorboard "$@"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$python" -W ignore -m tensorboard.main --logdir boards --host 127.0.0.1 --port "$port" --load_fast=false >server.log 2>&1 &
server=$!
"$python" - "http://127.0.0.1:$port" <<'PYTHON'
import json
import sys
import time
import urllib.request

address = sys.argv[1] + "/data/plugin/scalars"
tags = {}
for _ in range(120):
    try:
        tags = json.load(urllib.request.urlopen(address + "/tags"))
    except OSError:
        pass
    if len(tags) == 2:
        break
    time.sleep(1)
assert set(tags) == {"pretrain", "classifier"}, tags
for run, found in sorted(tags.items()):
    print(run, *sorted(found), sep="\n  ")
points = json.load(urllib.request.urlopen(address + "/scalars?run=classifier&tag=train_loss"))
assert len(points) == 5, points
print("classifier train_loss, (wall time, step, value):", *points, sep="\n  ")
import tensorboard.version
print("ok: tensorboard", tensorboard.version.VERSION)
PYTHON
