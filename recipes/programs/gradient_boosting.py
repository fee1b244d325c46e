"""Gradient boosting on summaries of every variable: reads `events` and `stays`, writes a probability for every stay that is
not for training.

    python gradient_boosting.py EVENTS STAYS PREDICTIONS
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier


def summaries(events, stays, variables):
    """Mean, minimum, maximum, last and number of the values of each variable, [stays, 5 · variables]."""
    summary = np.full((stays, variables, 5), np.nan)
    summary[:, :, 4] = 0.0
    place = events["stay"].to_numpy().astype(np.int64) * variables + events["variable"].to_numpy()
    order = np.lexsort((events["minute"].to_numpy(), place))
    value = events["value"].to_numpy()[order].astype(np.float64)
    found, start, count = np.unique(place[order], return_index=True, return_counts=True)
    rows = summary.reshape(-1, 5)
    rows[found, 0] = np.add.reduceat(value, start) / count
    rows[found, 1] = np.minimum.reduceat(value, start)
    rows[found, 2] = np.maximum.reduceat(value, start)
    rows[found, 3] = value[start + count - 1]
    rows[found, 4] = count
    return summary.reshape(stays, -1)


def main(events_path, stays_path, predictions_path):
    events = pq.read_table(events_path)
    stays = pq.read_table(stays_path)
    split = np.array(stays["split"].to_pylist())
    label = stays["label"].to_numpy()
    variables = int(events["variable"].to_numpy().max()) + 1
    features = summaries(events, stays.num_rows, variables)
    train = split == "train"
    seed = int(os.environ.get("PIPELINE_SEED", "0"))
    model = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=150, max_leaf_nodes=15, random_state=seed)
    model.fit(features[train], label[train])
    scored = np.flatnonzero(~train)
    table = pa.table(
        {
            "stay_id": stays["stay_id"].take(pa.array(scored)),
            "probability": model.predict_proba(features[scored])[:, 1],
        }
    )
    pq.write_table(table, predictions_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
