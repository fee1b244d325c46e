"""A MEDS dataset to a table of z-scored events in sets, by Polars; prints seconds, processor seconds and bytes of peak memory.

Events up to the time of prediction; minutes since the patient's first event; one value a set and code (the mean);
sets numbered in their stay; z-scores by the training split; sorted by stay, set and variable; Parquet."""

import resource
import sys
import time

import polars as pl


def main():
    root, work = sys.argv[1:]
    start, processor = time.perf_counter(), time.process_time()
    labels = pl.scan_parquet(f"{root}/labels/*.parquet")
    splits = pl.scan_parquet(f"{root}/metadata/subject_splits.parquet")
    stays = labels.join(splits, on="subject_id").sort("subject_id").with_row_index("stay")
    events = (
        pl.scan_parquet(f"{root}/data/*.parquet")
        .join(stays, on="subject_id")
        .filter(pl.col("time") <= pl.col("prediction_time"))
        .group_by("stay", "split", "time", "code")
        .agg(pl.col("numeric_value").cast(pl.Float64).mean().alias("raw"))
    )
    kept = f"{work}/kept.parquet"
    events.sink_parquet(kept, engine="streaming")
    statistics = (
        pl.scan_parquet(kept)
        .filter(pl.col("split") == "train")
        .group_by("code")
        .agg(pl.col("raw").mean().alias("mean"), pl.col("raw").std(ddof=0).alias("std"))
        .sort("code")
        .with_row_index("variable")
        .collect(engine="streaming")
    )
    starts = pl.scan_parquet(kept).group_by("stay").agg(pl.col("time").min().alias("start"))
    (
        pl.scan_parquet(kept)
        .join(starts, on="stay")
        .join(statistics.lazy(), on="code")
        .sort("stay", "time", "variable")
        .with_columns(
            minute=((pl.col("time") - pl.col("start")).dt.total_microseconds() / 60e6).cast(pl.Float32),
            value=((pl.col("raw") - pl.col("mean")) / pl.col("std")).cast(pl.Float32),
            set=pl.col("time").rank("dense").over("stay").cast(pl.UInt32) - 1,
        )
        .select("stay", "set", "minute", "variable", "raw", "value")
        .sink_parquet(f"{work}/events_polars.parquet", engine="streaming", compression="snappy")
    )
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    print(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


main()
