//! The real PhysioNet/CinC Challenge 2012 data, where it is there.

use std::path::PathBuf;
use std::time::Instant;

use super::{Built, synthetic};
use crate::data::config::*;
use crate::data::input_path::InputPath;

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
        embeddings: Embeddings::Orthonormal(64),
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
    assert_eq!(report.train.positives + report.validation.positives, 554);
    assert_eq!(report.test.positives, 568);
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
