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
# Columns that a task may leave empty, with the key of a window that fills them.
KEYS = [
    ("prediction_time", "index_timestamp", "`start` or `end`"),
    ("boolean_value", "label", "the name of a predicate"),
]
# How names begin that are no data.
HIDDEN = (".", "_", "~$")


def shards_below(data: str) -> list[Path]:
    """The shards that a data stage reads: no hidden file, none in a hidden folder, and each once."""
    shards = set()
    known = set()
    for folder, folders, names in os.walk(data, followlinks=True):
        # A link may lead to a folder above it.
        if os.path.realpath(folder) in known:
            folders.clear()
            continue
        known.add(os.path.realpath(folder))
        folders[:] = [name for name in folders if not name.startswith(HIDDEN)]
        names = [name for name in names if name.lower().endswith(".parquet") and not name.startswith(HIDDEN)]
        shards.update(Path(folder, name).resolve() for name in names)
    return sorted(shards)


def main(data: str, task: str, predicates: str, target: str) -> None:
    files = shards_below(data)
    if not files:
        sys.exit(f"{data}: no shard (*.parquet)")
    found = Path(os.environ["TMPDIR"]).resolve()
    # es-aces finds no file whose ending is in capitals, and reads some letters of names as its own syntax.
    shards = [str(number) for number in range(len(files))]
    (found / "shards").mkdir()
    for shard, file in zip(shards, files):
        (found / "shards" / f"{shard}.parquet").symlink_to(file)
    settings = {
        "data.standard": "meds",
        "data.root": f"'{found}/shards'",
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
    labels = pa.concat_tables(tables)
    if labels.num_rows == 0:
        sys.exit(f"{task}: no subject has what the task asks for")
    for name, key, value in KEYS:
        if labels[name].null_count == labels.num_rows:
            sys.exit(f"{task}: every {name} is null: a window of the task needs the key `{key}`, with {value}")
    pq.write_table(labels.sort_by([(name, "ascending") for name in COLUMNS[:2]]), target)
    positive = pc.sum(labels["boolean_value"]).as_py()
    print(f"{labels.num_rows} labels in {len(shards)} shards, {positive} of them positive")


if __name__ == "__main__":
    main(*sys.argv[1:])
