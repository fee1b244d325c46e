//! The real PhysioNet/CinC Challenge 2012 data, where it is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use arrow::array::{Float64Array, UInt32Array};

use super::{Built, synthetic};
use crate::SplitCounts;
use crate::config::*;
use crate::input_path::InputPath;
use crate::parquet_file;

#[test]
fn physionet_2012_has_the_counts_that_are_known_of_it() {
    let Some(root) = std::env::var_os("PIPELINE_PHYSIONET2012").map(PathBuf::from) else {
        eprintln!("PIPELINE_PHYSIONET2012 names no folder: the PhysioNet 2012 data is not checked");
        return;
    };
    let inputs = |names: [&str; 2]| names.map(|name| InputPath::file(root.join(name))).to_vec();
    let config = DataConfig {
        source: Source::Physionet2012(Physionet2012Source {
            records: inputs(["set-a", "set-b"]),
            outcomes: inputs(["Outcomes-a.txt", "Outcomes-b.txt"]),
            label: "In-hospital_death".into(),
        }),
        split: SplitRule::File(InputPath::file(root.join("splits.csv"))),
        like: None,
        embeddings: Some(Embeddings::Orthonormal(64)),
        clip: Some(8.0),
        ..synthetic(1)
    };
    let start = Instant::now();
    let built = Built::of(&config, 2).unwrap();
    let build_time = start.elapsed();
    let start = Instant::now();
    let data = built.load();
    eprintln!(
        "built in {build_time:.2?}, loaded in {:.2?}: {:#?}",
        start.elapsed(),
        built.report
    );
    let report = &built.report;
    assert_eq!(report.counts["source_rows"], 1_757_980 + 1_762_535);
    assert_eq!(
        (
            report.train.stays,
            report.validation.stays,
            report.test.stays
        ),
        (3200, 800, 4000)
    );
    let positives = |split: &SplitCounts| split.positives.unwrap();
    assert_eq!(
        positives(&report.train) + positives(&report.validation),
        554
    );
    assert_eq!(positives(&report.test), 568);
    assert_eq!(report.counts["stays_without_series"], 10);
    assert!(built.notes[0].ends_with(
        "140501, 140936, 141264, 142731, 142998, 143656, 145611, 147514, 150309, 150649"
    ));
    let events = report.train.events + report.validation.events + report.test.events;
    let accounted =
        events + report.counts["duplicates_merged"] + report.counts["missing_markers"] + 8000;
    assert_eq!(
        accounted, report.counts["source_rows"],
        "every row is an event, a RecordID or counted"
    );
    assert_eq!(data.event_value.len() as u64, events);
    assert_eq!(built.digests(), Built::of(&config, 1).unwrap().digests());
}

/// Minute, variable and value of every event of a stay that both layouts can express: MEDS keeps
/// values in f32, and tells age, sex, height, the first weight and the unit under other names.
fn measurements(built: &Built) -> BTreeMap<String, BTreeSet<(u32, String, u32, usize)>> {
    let data = built.load();
    let ids: Vec<String> = data.stays.iter().map(|stay| stay.id.clone()).collect();
    let path = built.path("events");
    let mut found: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    for batch in parquet_file::read(&path, &["stay", "minute", "variable", "raw"]).unwrap() {
        let stays: &UInt32Array = parquet_file::column(&path, &batch, "stay").unwrap();
        let minutes: &Float64Array = parquet_file::column(&path, &batch, "minute").unwrap();
        let variables: &UInt32Array = parquet_file::column(&path, &batch, "variable").unwrap();
        let raw: &Float64Array = parquet_file::column(&path, &batch, "raw").unwrap();
        for row in 0..batch.num_rows() {
            let name = &data.variables[variables.value(row) as usize];
            let elsewhere = [
                "Age", "Gender", "Height", "ICUType", "AGE", "HEIGHT", "WEIGHT",
            ];
            let is_descriptor = elsewhere.contains(&name.as_str()) || name.contains("//");
            let minute = minutes.value(row) as u32;
            if is_descriptor || (name == "Weight" && minute == 0) {
                continue;
            }
            let of_stay = found.entry(ids[stays.value(row) as usize].clone());
            let of_stay = of_stay.or_default();
            let value = (raw.value(row) as f32).to_bits();
            let copy = (0..).find(|copy| !of_stay.contains(&(minute, name.clone(), value, *copy)));
            of_stay.insert((minute, name.clone(), value, copy.unwrap()));
        }
    }
    found
}

#[test]
fn the_same_stays_as_meds_and_as_text_have_the_same_events() {
    let [text, meds] = ["PIPELINE_PHYSIONET2012", "PIPELINE_MEDS_PHYSIONET2012"]
        .map(|name| std::env::var_os(name).map(PathBuf::from));
    let (Some(text), Some(meds)) = (text, meds) else {
        eprintln!(
            "PIPELINE_PHYSIONET2012 and PIPELINE_MEDS_PHYSIONET2012 do not name both folders: MEDS is not compared with text"
        );
        return;
    };
    let inputs = |names: [&str; 2]| names.map(|name| InputPath::file(text.join(name))).to_vec();
    let whole = |source, split| DataConfig {
        source,
        split,
        like: None,
        embeddings: Some(Embeddings::Orthonormal(64)),
        duplicates: Duplicates::Keep,
        ..synthetic(1)
    };
    let meds = Built::of(
        &whole(
            Source::Meds(MedsSource {
                labels: Some(InputPath::file(meds.join("labels/in_hospital_mortality"))),
                path: InputPath::file(meds),
                label: "boolean_value".into(),
                prediction_times: None,
            }),
            SplitRule::Column("split".into()),
        ),
        2,
    );
    let text = Built::of(
        &whole(
            Source::Physionet2012(Physionet2012Source {
                records: inputs(["set-a", "set-b"]),
                outcomes: inputs(["Outcomes-a.txt", "Outcomes-b.txt"]),
                label: "In-hospital_death".into(),
            }),
            SplitRule::File(InputPath::file(text.join("splits.csv"))),
        ),
        2,
    );
    let [meds, text] = [meds, text].map(|built| measurements(&built.unwrap()));
    let mut events = 0;
    for (stay, found) in &meds {
        let expected = &text[stay];
        assert_eq!(found, expected, "stay {stay}");
        events += found.len();
    }
    eprintln!("{} stays, {events} events, alike", meds.len());
    assert!(events > 100_000);
}
