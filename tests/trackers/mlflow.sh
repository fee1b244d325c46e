#!/bin/sh
# Sends a run to a real MLflow server and reads it back with MLflow's own client.
#
#   tests/trackers/mlflow.sh target/release/pipeline [python3]
#
# Python needs `mlflow` (pip install mlflow); without it this says so and ends well. The server listens on a free port of this
# machine and is gone at the end, with all it kept.
set -eu
module=mlflow
# shellcheck source=tests/trackers/setup.sh
. "$(dirname "$0")/setup.sh"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
"$python" -m mlflow server --host 127.0.0.1 --port "$port" --workers 1 \
    --backend-store-uri sqlite:///mlflow.db --artifacts-destination "$folder/artifacts" >server.log 2>&1 &
server=$!

set -- --set vars.stays=160 --set stages.pretrain.epochs=2 --set stages.classifier.epochs=5
"$pipeline" run "$recipe" "$@" --quiet >/dev/null

for _ in $(seq 180); do
    "$python" -c "import urllib.request; urllib.request.urlopen('$url/health')" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { cat server.log; exit 1; }
    sleep 1
done

echo "first:"
"$pipeline" mlflow --url "$url" --experiment trackers --format json | tee first.json
echo "again, which must send nothing:"
"$pipeline" mlflow --url "$url" --experiment trackers --format json | tee again.json
echo "with --force, which must make another run, with all artifacts:"
"$pipeline" mlflow --url "$url" --experiment trackers --artifacts all --force --format json | tee forced.json
echo "a server that is not there, and an experiment without a name:"
"$pipeline" mlflow --url http://127.0.0.1:9 && exit 1
"$pipeline" mlflow --url "$url" --experiment "" && exit 1

MLFLOW_TRACKING_URI=$url "$python" - <<'PYTHON'
import json
import mlflow

first, again, forced = (json.load(open(f"{name}.json")) for name in ("first", "again", "forced"))
assert first["sent"] and not again["sent"] and forced["sent"]
assert first["mlflow_run_id"] == again["mlflow_run_id"] != forced["mlflow_run_id"]
client = mlflow.MlflowClient()
runs = client.search_runs([first["experiment_id"]])
assert len(runs) == 2, len(runs)
run = client.get_run(first["mlflow_run_id"])
assert run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time > 0
params, metrics, tags = run.data.params, run.data.metrics, run.data.tags
assert len(params) == first["params"] and len(params) > 100, len(params)
assert params["stages.classifier.epochs"] == "5" and params["stages.classifier.loss.gamma"] == "2.0"
assert params["model.latent_dim"] == "32" and params["stages.events.source.stays"] == "160"
assert 0 <= metrics["test/auroc"] <= 1
history = client.get_metric_history(run.info.run_id, "classifier/epochs/train_loss")
assert [point.step for point in history] == [1, 2, 3, 4, 5], history
assert tags["pipeline.run"] == first["run"] and len(tags["pipeline.digest.test.metrics"]) == 64


def files(run_id, path=None):
    for entry in client.list_artifacts(run_id, path):
        if entry.is_dir:
            yield from files(run_id, entry.path)
        else:
            yield entry.path


found = sorted(files(run.info.run_id))
assert len(found) == first["artifacts"], found
assert {"recipe.toml", "test/metrics.json", "classifier/history.parquet"} <= set(found), found
assert not any("weights" in name or "events." in name for name in found if "audit" not in name), found
everything = sorted(files(forced["mlflow_run_id"]))
assert {"classifier/weights.safetensors", "events/events.parquet"} <= set(everything), everything
text = client.download_artifacts(run.info.run_id, "test/metrics.json")
assert json.load(open(text))["auroc"] == metrics["test/auroc"]
print("params", len(params), "metrics", len(metrics), "tags", len(tags))
print("artifacts", *found, sep="\n  ")
print("ok: mlflow", mlflow.__version__)
PYTHON
