"""Splits the stays of PhysioNet 2012 outcome files so that every split has the same share of deaths.

Usage: stratified_split.py SPLITS.csv OUTCOMES.txt...   with PIPELINE_SEED in the environment.
"""

import csv
import os
import random
import sys

SHARES = [("train", 0.7), ("validation", 0.1), ("test", 0.2)]


def main():
    target, *sources = sys.argv[1:]
    strata = {}
    for source in sources:
        with open(source, newline="") as file:
            for row in csv.DictReader(file):
                strata.setdefault(row["In-hospital_death"], []).append(int(row["RecordID"]))
    generator = random.Random(int(os.environ["PIPELINE_SEED"]))
    splits = {}
    for outcome in sorted(strata):
        stays = sorted(strata[outcome])
        generator.shuffle(stays)
        start, share = 0, 0.0
        for split, part in SHARES:
            share += part
            end = round(share * len(stays))
            splits.update((stay, split) for stay in stays[start:end])
            print(f"outcome {outcome}, {split}: {end - start} stays")
            start = end
    with open(target, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["RecordID", "split"])
        writer.writerows(sorted(splits.items()))


main()
