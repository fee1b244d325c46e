//! What a head learns from: stays of the training split and of validation, and what is true of them.

use candle_core::{Device, Tensor};

use crate::asked::{Asked, Known};
use pipeline_data::dataset::Split;
use pipeline_data::feature_table::FeatureTable;
use pipeline_data::subsample::Subsample;
use pipeline_data::target::{Target, Truth};
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

/// The positions that `subsample` draws of training stays; none without it. Fails if not every class can be learned of the
/// training split, or of what is drawn.
pub(super) fn drawn(
    subsample: Option<&Subsample>,
    ids: &[String],
    truth: &Truth,
    outputs: usize,
    target: Option<&Target>,
) -> Result<Option<Vec<usize>>, Error> {
    require_every_class(truth, outputs, target, None)?;
    let Some(subsample) = subsample else {
        return Ok(None);
    };
    let rows = subsample.positions(ids, truth)?;
    let learned = truth.rows(rows.iter().copied());
    // Of classes in their shares no seed draws more or fewer.
    let seed_matters = !subsample.stratified || truth.classes().is_none();
    let drawn_of = Some((truth.len(), seed_matters));
    require_every_class(&learned, outputs, target, drawn_of)?;
    Ok(Some(rows))
}

/// Fails if no training stay has one of the classes or labels, or every stay has a label: a head cannot learn it.
///
/// `drawn_of`: of how many stays of the training split `subsample` drew these, and whether another seed may draw other
/// classes; none: they are the split.
fn require_every_class(
    train: &Truth,
    outputs: usize,
    target: Option<&Target>,
    drawn_of: Option<(usize, bool)>,
) -> Result<(), Error> {
    let absent = absent(train, outputs);
    if absent.is_empty() {
        return Ok(());
    }
    let is_labels = matches!(train, Truth::Labels { .. });
    let name = |output: &usize| match target.and_then(|target| target.outputs.get(*output)) {
        Some(label) if is_labels => format!("`{label}`"),
        _ => output.to_string(),
    };
    let names: Vec<String> = absent.iter().map(name).collect();
    let (names, stays) = (names.join(", "), train.len());
    let problem = match (drawn_of, is_labels) {
        (None, false) => format!("no stay of the training split has the class {names}"),
        (None, true) => {
            format!("no stay of the training split has, or all of them have, the label {names}")
        }
        (Some(_), false) => format!(
            "of the training stays that `subsample` draws ({stays}), none has the class {names}"
        ),
        (Some(_), true) => format!(
            "of the training stays that `subsample` draws ({stays}), none or all have the label {names}"
        ),
    };
    let hint = match drawn_of {
        None => {
            "a classifier cannot learn a class it never sees; check the labels and the split".into()
        }
        Some((all, true)) => {
            format!("draw more of the {all} stays, or state another `subsample.seed`")
        }
        Some((all, false)) => format!("draw more of the {all} stays"),
    };
    Err(Error::stage(problem)
        .with_hint(hint)
        .coded(Code::UnseenClass))
}

/// Classes that no stay has, and labels that no stay or every stay has.
fn absent(train: &Truth, outputs: usize) -> Vec<usize> {
    match train {
        Truth::Classes(classes) => {
            let is_absent = |class: &usize| !classes.contains(&(*class as u32));
            (0..outputs).filter(is_absent).collect()
        }
        Truth::Labels { has, labels } => {
            let count = |label: usize| {
                let of_label = has.iter().skip(label).step_by(*labels);
                of_label.filter(|has| **has).count()
            };
            let is_absent = |label: &usize| [0, train.len()].contains(&count(*label));
            (0..*labels).filter(is_absent).collect()
        }
        Truth::Numbers(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use pipeline_data::config::Task;

    use super::*;

    #[test]
    fn what_cannot_be_learned_is_named_with_its_culprit() {
        let message = |truth: &Truth, target: Option<&Target>, drawn_of| {
            let error = require_every_class(truth, 2, target, drawn_of).unwrap_err();
            format!("{error} ({})", error.hint().unwrap_or_default())
        };
        let classes = Truth::Classes(vec![0, 0, 0]);
        assert!(
            message(&classes, None, None)
                .starts_with("no stay of the training split has the class 1")
        );
        assert_eq!(
            message(&classes, None, Some((36, true))),
            "of the training stays that `subsample` draws (3), none has the class 1 (draw more of the 36 stays, or state \
             another `subsample.seed`)"
        );
        let stratified = message(&classes, None, Some((36, false)));
        assert!(
            stratified.ends_with("(draw more of the 36 stays)"),
            "{stratified}"
        );
        let findings = Target {
            name: "findings".into(),
            task: Task::MultiLabel,
            outputs: vec!["sepsis".into(), "shock".into()],
        };
        let labels = Truth::Labels {
            has: vec![true, true, false, true],
            labels: 2,
        };
        let said = message(&labels, Some(&findings), None);
        assert!(
            said.contains("all of them have, the label `shock`"),
            "{said}"
        );
        let said = message(&labels, Some(&findings), Some((9, true)));
        assert!(
            said.contains("draws (2), none or all have the label `shock`"),
            "{said}"
        );
    }
}
