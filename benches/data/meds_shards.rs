//! A MEDS dataset of any size.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use pipeline_data::parquet_file::{self, Compression, StreamedTable};
use pipeline_random::Stream;

/// Events of a patient, like those of a stay of PhysioNet 2012: 74 times, 37 variables.
const EVENTS_OF_PATIENT: usize = 444;
const TIMES: usize = 74;
const VARIABLES: usize = 37;
const SHARDS: usize = 16;
const PATIENTS_IN_ROW_GROUP: usize = 1024;
const MINUTE: i64 = 60_000_000;

type Columns = Vec<(&'static str, ArrayRef)>;

/// Writes about `events` events, their labels and splits; returns how many events there are.
pub fn write(root: &Path, events: usize) -> usize {
    let patients = events.div_ceil(EVENTS_OF_PATIENT);
    let draws = Stream::new(1, "bench");
    std::fs::create_dir_all(root.join("data")).expect("the folder can be written");
    let of_shard = patients.div_ceil(SHARDS);
    for shard in 0..SHARDS {
        let ours = (shard * of_shard).min(patients)..((shard + 1) * of_shard).min(patients);
        let path = root.join(format!("data/{shard}.parquet"));
        let table = StreamedTable::create(&path, rows(0..0, &draws), Compression::SNAPPY);
        let mut table = table.expect("a shard can be made");
        for first in ours.clone().step_by(PATIENTS_IN_ROW_GROUP) {
            let group = first..(first + PATIENTS_IN_ROW_GROUP).min(ours.end);
            let rows = table
                .encode(rows(group, &draws))
                .expect("rows can be encoded");
            table.append(rows).expect("a shard can be written");
        }
        table.finish().expect("a shard can be written");
    }
    write_labels(root, patients);
    patients * EVENTS_OF_PATIENT
}

fn rows(patients: std::ops::Range<usize>, draws: &Stream) -> Columns {
    let names: Vec<String> = (0..VARIABLES)
        .map(|v| format!("LAB//{}", 50_800 + v))
        .collect();
    let (mut subject, mut time, mut code, mut value) = (vec![], vec![], vec![], vec![]);
    for patient in patients {
        let mut draw = draws.at(&[patient as u64]);
        let mut minute = 1_000_000 * patient as i64 % 40_000_000;
        for event in 0..EVENTS_OF_PATIENT {
            if event % (EVENTS_OF_PATIENT / TIMES) == 0 {
                minute += 1 + (draw.bits() % 75) as i64;
            }
            let bits = draw.bits();
            subject.push(patient as i64);
            time.push(minute * MINUTE);
            code.push(names[bits as usize % VARIABLES].as_str());
            // Two digits after the point, as measurements have.
            value.push((bits >> 40) as u16 as f32 / 100.0);
        }
    }
    vec![
        ("subject_id", Arc::new(Int64Array::from(subject))),
        ("time", Arc::new(TimestampMicrosecondArray::from(time))),
        ("code", Arc::new(StringArray::from(code))),
        ("numeric_value", Arc::new(Float32Array::from(value))),
    ]
}

fn write_labels(root: &Path, patients: usize) {
    let subjects = || -> ArrayRef { Arc::new(Int64Array::from_iter_values(0..patients as i64)) };
    // In the middle of the stays: about one event in ten comes later.
    let times = (0..patients as i64)
        .map(|patient| (1_000_000 * patient % 40_000_000 + TIMES as i64 * 34) * MINUTE);
    let classes = (0..patients).map(|patient| Some(patient % 7 == 0));
    let splits = (0..patients).map(|patient| match patient % 10 {
        0 => "held_out",
        1 => "tuning",
        _ => "train",
    });
    for folder in ["labels", "metadata"] {
        std::fs::create_dir_all(root.join(folder)).expect("the folder can be written");
    }
    let tables: [(&str, Columns); 2] = [
        (
            "labels/0.parquet",
            vec![
                ("subject_id", subjects()),
                (
                    "prediction_time",
                    Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
                ),
                ("boolean_value", Arc::new(classes.collect::<BooleanArray>())),
            ],
        ),
        (
            "metadata/subject_splits.parquet",
            vec![
                ("subject_id", subjects()),
                ("split", Arc::new(StringArray::from_iter_values(splits))),
            ],
        ),
    ];
    for (name, columns) in tables {
        let written = parquet_file::write(&root.join(name), columns, Compression::SNAPPY);
        written.expect("a table can be written");
    }
}
