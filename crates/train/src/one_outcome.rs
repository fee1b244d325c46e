//! Validation splits that can choose no penalty.

use pipeline_data::target::Truth;

/// Says so where all stays of a validation split have one outcome: the best penalty is then the one that pushes
/// predictions furthest towards it, whatever the features tell.
pub(crate) fn of_validation(truth: &Truth) -> Option<String> {
    let stays = truth.len();
    let all = format!("all {stays} stays of the validation split");
    match truth {
        _ if stays == 0 => None,
        Truth::Classes(classes) => (classes.iter().all(|class| *class == classes[0]))
            .then(|| format!("{all} are of class {}", classes[0])),
        Truth::Labels { has, labels } => {
            let mut stays = has.chunks((*labels).max(1));
            let first = stays.next();
            (stays.all(|stay| Some(stay) == first)).then(|| format!("{all} have the same labels"))
        }
        Truth::Numbers(_) => None,
    }
}
