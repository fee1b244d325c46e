//! Whether the backbone's weights have ever been trained.

use super::finding::{Finding, Verdict};
use super::subject::Subject;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::parameter::{Init, ParameterSpec};

/// A larger share of parameters that still are where they start is a fault.
const MAX_UNTOUCHED: f64 = 0.5;
/// A larger share of negative weights of norms is a fault.
const MAX_NEGATIVE: f64 = 0.25;

/// Biases start at 0 and the weights of norms at 1: an optimizer moves them off these numbers at once, and keeps
/// the latter positive.
pub fn look(subject: &Subject) -> Result<Finding, Error> {
    let specs = subject.artifact.specs()?;
    let backbone = || specs.iter().filter(|spec| !Head::owns(&spec.name));
    let constant = backbone().filter(|spec| starts_alike(spec));
    let constant: Vec<&ParameterSpec> = constant.collect();
    let untouched = constant.iter().filter(|spec| is_untouched(subject, spec));
    let untouched: Vec<&str> = untouched.map(|spec| spec.name.as_str()).collect();
    let share = untouched.len() as f64 / constant.len().max(1) as f64;
    let norms = backbone().filter(|spec| spec.init == Init::Ones);
    let norms = norms.filter_map(|spec| subject.artifact.parameters.get(&spec.name));
    let norms: Vec<f32> = norms.flat_map(|tensor| tensor.values.clone()).collect();
    let negative = norms.iter().filter(|weight| **weight < 0.0).count();
    let negative = negative as f64 / norms.len().max(1) as f64;
    let verdict = Verdict::of(
        share > MAX_UNTOUCHED || negative > MAX_NEGATIVE,
        !untouched.is_empty(),
    );
    let what = match (share > MAX_UNTOUCHED, negative > MAX_NEGATIVE) {
        (true, _) => {
            "the backbone was never trained: its biases and norms are where they start".into()
        }
        (false, true) => format!(
            "the backbone's weights are random numbers: {:.0} % of the weights of its norms are negative",
            negative * 100.0
        ),
        (false, false) if untouched.is_empty() => "the backbone has been trained".into(),
        (false, false) => format!("never trained: {}", untouched.join(", ")),
    };
    let rule = "fault: more than half of the parameters that start at a constant are still there, or more than a quarter of the norms' weights are negative; warning: any is still there";
    let remedy = "import a checkpoint that was trained, and look at the artifact `audit` of the import stage";
    Ok(
        Finding::new("backbone_weights", verdict, what, rule, remedy)
            .value("untouched_fraction", share)
            .value("negative_norm_fraction", negative),
    )
}

/// Whether a parameter starts with numbers that nobody draws.
fn starts_alike(spec: &ParameterSpec) -> bool {
    match spec.init {
        Init::Zeros | Init::Ones | Init::Constant(_) | Init::Cycle(_) => true,
        Init::Normal | Init::ScaledNormal(_) | Init::XavierUniform | Init::TorchLinear { .. } => {
            false
        }
    }
}

fn is_untouched(subject: &Subject, spec: &ParameterSpec) -> bool {
    let tensor = subject.artifact.parameters.get(&spec.name);
    let values = tensor.map(|tensor| tensor.values.as_slice());
    values.is_some_and(|values| values == spec.initial_values(0))
}
