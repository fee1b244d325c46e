//! A made-up cohort in wide tables of Parquet: a row for each stay and hour, and tables with a row a stay beside it.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use pipeline_random::Stream;

use crate::harness::Test;
use crate::meds_layout::table;

const STAYS: i64 = 150;
const HOURS: i64 = 8;

/// Every fifth patient has two stays.
fn patient(stay: i64) -> i64 {
    stay - i64::from(stay % 5 == 1)
}

fn draw(place: u64, stay: i64, hour: i64) -> f64 {
    let stream = Stream::new(25, "wide layout");
    stream.at(&[place, stay as u64, hour as u64]).uniform()
}

fn died(stay: i64) -> bool {
    draw(0, patient(stay), 0) < 0.3
}

/// Rows of all stays. Whoever dies has a faster heart and more lactate; every third lactate is not measured.
fn rows(time: &'static str) -> Vec<(&'static str, ArrayRef)> {
    let rows = || (0..STAYS).flat_map(|stay| (0..HOURS).map(move |hour| (stay, hour)));
    let ill = |stay: i64| if died(stay) { 1.0 } else { 0.0 };
    let heart =
        rows().map(|(stay, hour)| Some(65.0 + 15.0 * ill(stay) + 30.0 * draw(1, stay, hour)));
    let lactate = rows().map(|(stay, hour)| {
        let is_measured = (stay + hour) % 3 != 0;
        is_measured.then(|| 0.5 + 1.5 * ill(stay) + 2.0 * draw(2, stay, hour))
    });
    let ids = rows().map(|(stay, _)| Some(stay));
    let hours = rows().map(|(_, hour)| Some(hour));
    vec![
        ("stay_id", Arc::new(ids.collect::<Int64Array>())),
        (time, Arc::new(hours.collect::<Int64Array>())),
        ("heart_rate", Arc::new(heart.collect::<Float64Array>())),
        ("lactate", Arc::new(lactate.collect::<Float64Array>())),
    ]
}

/// Writes `icu.parquet` and `outcomes.csv`.
pub fn write(test: Test) -> Test {
    table(&test.folder().join("icu.parquet"), rows("hour"));
    let outcomes = (0..STAYS).map(|stay| {
        let (patient, died) = (patient(stay), u8::from(died(stay)));
        format!("{stay},{patient},{died}\n")
    });
    let outcomes: String = outcomes.collect();
    test.file(
        "outcomes.csv",
        format!("stay_id,patient_id,died\n{outcomes}"),
    )
}

/// Writes `yaib/dyn.parquet`, `sta.parquet` and `outc.parquet`.
pub fn write_yaib(test: Test) -> Test {
    let folder = test.folder().join("yaib");
    let ids = || Arc::new((0..STAYS).map(Some).collect::<Int64Array>()) as ArrayRef;
    let ages = (0..STAYS).map(|stay| Some(40.0 + 40.0 * draw(3, stay, 0)));
    let sexes = (0..STAYS).map(|stay| if stay % 2 == 0 { "Female" } else { "Male" });
    let labels = (0..STAYS).map(|stay| Some(i64::from(died(stay))));
    table(&folder.join("dyn.parquet"), rows("time"));
    let stays: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", ids()),
        ("age", Arc::new(ages.collect::<Float64Array>())),
        ("sex", Arc::new(StringArray::from_iter_values(sexes))),
    ];
    table(&folder.join("sta.parquet"), stays);
    let labels = Arc::new(labels.collect::<Int64Array>());
    table(
        &folder.join("outc.parquet"),
        vec![("stay_id", ids()), ("label", labels)],
    );
    test
}
