"""A GRU over the sets of a stay, in PyTorch: reads `events` and `stays`, writes the logits of every stay that is not for
training.

    python gru.py EVENTS STAYS PREDICTIONS
"""

import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

EPOCHS = 8
BATCH = 32


def sequences(events, stays, variables):
    """Of every stay, its sets: [value of each variable (0 where there is none), whether there is one, hours since the set before]."""
    stay = events["stay"].to_numpy()
    order = np.lexsort((events["set"].to_numpy(), stay))
    stay, place = stay[order], events["set"].to_numpy()[order]
    variable = events["variable"].to_numpy()[order]
    value = events["value"].to_numpy()[order]
    minute = events["minute"].to_numpy()[order]
    bounds = np.searchsorted(stay, np.arange(stays + 1))
    found = []
    for first, end in zip(bounds[:-1], bounds[1:]):
        _, row = np.unique(place[first:end], return_inverse=True)
        rows = torch.zeros(int(row.max()) + 1 if end > first else 1, 2 * variables + 1)
        rows[row, variable[first:end]] = torch.from_numpy(value[first:end].copy())
        rows[row, variables + variable[first:end].astype(np.int64)] = 1.0
        hours = torch.zeros(len(rows))
        hours[row] = torch.from_numpy(minute[first:end] / 60.0).float()
        rows[1:, -1] = hours[1:] - hours[:-1]
        found.append(rows)
    return found


class Gru(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gru = nn.GRU(width, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, rows):
        packed = nn.utils.rnn.pack_sequence(rows, enforce_sorted=False)
        return self.head(self.gru(packed)[1][0])


def main(events_path, stays_path, predictions_path):
    torch.manual_seed(int(os.environ.get("PIPELINE_SEED", "0")))
    torch.set_num_threads(int(os.environ.get("PIPELINE_THREADS", "1")))
    events = pq.read_table(events_path)
    stays = pq.read_table(stays_path)
    variables = int(events["variable"].to_numpy().max()) + 1
    rows = sequences(events, stays.num_rows, variables)
    split = np.array(stays["split"].to_pylist())
    label = torch.from_numpy(stays["label"].to_numpy().copy())
    model = Gru(2 * variables + 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    train = np.flatnonzero(split == "train")
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(train)).split(BATCH):
            chosen = train[batch.numpy()]
            loss = nn.functional.cross_entropy(model([rows[stay] for stay in chosen]), label[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    scored = np.flatnonzero(split != "train")
    with torch.no_grad():
        logits = model([rows[stay] for stay in scored]).numpy()
    table = pa.table(
        {
            "stay_id": stays["stay_id"].take(pa.array(scored)),
            "logit_0": logits[:, 0],
            "logit_1": logits[:, 1],
        }
    )
    pq.write_table(table, predictions_path)


if __name__ == "__main__":
    main(*sys.argv[1:])
