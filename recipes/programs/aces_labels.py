"""Finds the labels of a task that ACES defines in every shard of a MEDS dataset.

    python3 aces_labels.py DATA TASK.yaml PREDICATES.yaml LABELS.parquet

Runs the command line of es-aces on all shards below DATA and writes one file in the label schema of MEDS, sorted by
subject and time of prediction.
"""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

COLUMNS = ["subject_id", "prediction_time", "boolean_value"]


def main(data: str, task: str, predicates: str, target: str) -> None:
    shards = sorted(str(file.relative_to(data).with_suffix("")) for file in Path(data).rglob("*.parquet"))
    if not shards:
        sys.exit(f"{data}: no shard (*.parquet)")
    found = Path(os.environ["TMPDIR"]).resolve()
    settings = {
        "data.standard": "meds",
        "data.root": f"'{Path(data).absolute()}'",
        "data.shard": ",".join(f"'{shard}'" for shard in shards),
        "cohort_name": "task",
        "config_path": f"'{Path(task).absolute()}'",
        "predicates_path": f"'{Path(predicates).absolute()}'",
        "output_filepath": f"'{found}/labels/${{data.shard}}.parquet'",
        "log_dir": f"'{found}/log'",
    }
    aces = [str(Path(sys.executable).parent / "aces-cli"), "--multirun", "data=sharded"]
    subprocess.run(aces + [f"{name}={value}" for name, value in settings.items()], check=True)

    tables = [pq.read_table(found / "labels" / f"{shard}.parquet", columns=COLUMNS) for shard in shards]
    labels = pa.concat_tables(tables).sort_by([(name, "ascending") for name in COLUMNS[:2]])
    if labels.num_rows == 0:
        sys.exit(f"{task}: no subject has what the task asks for")
    pq.write_table(labels, target)
    positive = pc.sum(labels["boolean_value"]).as_py()
    print(f"{labels.num_rows} labels in {len(shards)} shards, {positive} of them positive")


if __name__ == "__main__":
    main(*sys.argv[1:])
