//! The profile of a data artifact: what is in it, and what of the source is not, by reason.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::fit::Fitted;
use super::report::DataReport;
use super::score::{SPLITS, Scored};
use super::shift::Shift;
use super::statistics::Moments;
use pipeline_error::Error;

/// Writes the profile as JSON: `splits`, `counts`, `skipped_files`, `variables`, `lost`; of a stage that is like
/// another `shifts`, too.
pub(super) fn write(
    path: &Path,
    report: &DataReport,
    (source_variables, categorical): (&[String], &[String]),
    fitted: &Fitted,
    scored: &Scored,
    shifts: Option<&[Shift]>,
) -> Result<(), Error> {
    let splits: Map<String, Value> = (SPLITS.iter())
        .map(|&split| {
            let counts = report.of(split);
            let mut entry = json!({
                "stays": counts.stays,
                "sets": counts.sets,
                "events": counts.events,
            });
            if let Some(positives) = counts.positives {
                entry["positives"] = json!(positives);
            }
            (split.name().to_string(), entry)
        })
        .collect();
    let variables: Map<String, Value> = (fitted.variables.iter().enumerate())
        .map(|(index, variable)| {
            let mut entry = json!({
                "mean": variable.mean,
                "std": variable.std,
                "constant": variable.constant,
            });
            for (split, moments) in SPLITS.iter().zip(&scored.moments) {
                entry[split.name()] = of_moments(&moments[index]);
            }
            (variable.name.clone(), entry)
        })
        .collect();
    let mut profile = json!({
        "format": 1,
        "splits": splits,
        "counts": report.counts,
        "skipped_files": report.skipped_files,
        "variables": variables,
        "lost": scored.losses.to_json(source_variables, categorical),
    });
    if let Some(shifts) = shifts {
        let shifts = shifts.iter();
        let shifts = shifts.map(|shift| (shift.name.to_string(), shift.to_json()));
        profile["shifts"] = Value::Object(shifts.collect());
    }
    let text = format!("{profile:#}\n");
    std::fs::write(path, text)
        .map_err(|error| Error::file(path, format!("cannot be written: {error}")))
}

/// Of values before they become z-scores; `null` where there are none.
fn of_moments(moments: &Moments) -> Value {
    let valued = |number: f64| (moments.valued > 0).then_some(number);
    json!({
        "events": moments.events(),
        "stays": moments.stays,
        "mean": valued(moments.mean),
        "std": valued(moments.std()),
        "min": valued(moments.low),
        "max": valued(moments.high),
    })
}
