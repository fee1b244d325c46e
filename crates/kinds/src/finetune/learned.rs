//! What a head learns from: stays of the training split and of validation, and what is true of them.

use candle_core::{Device, Tensor};

use crate::asked::{Asked, Known};
use pipeline_data::dataset::Split;
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::target::Truth;
use pipeline_error::{Code, Error};
use pipeline_stage::StageContext;
use pipeline_train::head::LabelledFeatures;

/// The stays of a split whose truth is known, with their features.
pub(super) fn labelled(
    table: &FeatureTable,
    split: Split,
    asked: Asked,
    outputs: usize,
    context: &StageContext,
) -> Result<LabelledFeatures, Error> {
    let known = asked.of_features(table, split)?;
    let ids = table.ids(&known.rows);
    check(&known, &ids, split, outputs, context)?;
    let shape = (known.rows.len(), table.width);
    Ok(LabelledFeatures {
        features: Tensor::from_vec(table.vectors(&known.rows), shape, &Device::Cpu)?,
        ids,
        truth: known.truth,
        shards: Vec::new(),
    })
}

/// Fails on classes that the head does not tell apart; says which stays are left out.
pub(super) fn check(
    known: &Known,
    ids: &[String],
    split: Split,
    outputs: usize,
    context: &StageContext,
) -> Result<(), Error> {
    known.check_classes(ids, outputs)?;
    if let Some(note) = known.note(split) {
        context.reporter.note(&note);
    }
    Ok(())
}

/// Fails if no training stay has one of the classes or labels, or every stay has a label: a head cannot learn it.
pub(super) fn require_every_class(train: &Truth, outputs: usize) -> Result<(), Error> {
    let (absent, what) = match train {
        Truth::Classes(classes) => {
            let mut absent = (0..outputs as u32).collect::<Vec<_>>();
            absent.retain(|class| !classes.contains(class));
            (absent, "no stay of the training split has the class")
        }
        Truth::Labels { has, labels } => {
            let count = |label: &u32| {
                let of_label = has.iter().skip(*label as usize).step_by(*labels);
                of_label.filter(|has| **has).count()
            };
            let mut absent = (0..*labels as u32).collect::<Vec<_>>();
            absent.retain(|label| [0, train.len()].contains(&count(label)));
            (
                absent,
                "no stay of the training split has, or all of them have, the label",
            )
        }
        Truth::Numbers(_) => return Ok(()),
    };
    if absent.is_empty() {
        return Ok(());
    }
    let absent: Vec<String> = absent.iter().map(ToString::to_string).collect();
    Err(Error::stage(format!("{what} {}", absent.join(", ")))
        .with_hint(
            "a classifier cannot learn a class it never sees; check the labels and the split",
        )
        .coded(Code::UnseenClass))
}
