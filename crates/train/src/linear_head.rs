//! A linear head on the features of a frozen backbone, solved exactly.

use candle_core::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::class_balance::ClassWeights;
use super::head::{HeadValidation, LabelledFeatures, TrainedHead, scores};
use super::history::History;
use super::logistic::{Fit, Linear, Outcomes, Path, Problem, Scaling};
use super::number_scale::NumberScale;
use super::one_outcome;
use super::options::is_default;
use super::watch::Watch;
use pipeline_checkpoint::FloatTensor;
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::host::HostParameters;

/// Limited-memory BFGS (Liu and Nocedal 1989), to the optimum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Lbfgs {
    /// L2 penalties: half the squared length of the weights of scaled features, times this, is added to the
    /// summed loss; scikit-learn's 1 / `C`. The one with the least loss on validation is kept.
    pub penalties: Vec<f64>,
    /// How features are scaled before: each is tried with every penalty.
    pub scaling: Vec<FeatureScaling>,
}

/// How features are scaled before their weights are penalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeatureScaling {
    /// By their standard deviation over the training stays: every feature may say as much as any other.
    Standard,
    /// Not at all: a feature may say the more, the more it varies. Helps where labels are few.
    None,
}

impl Default for Lbfgs {
    /// From strong to weak.
    fn default() -> Self {
        Self {
            penalties: vec![
                1e4, 3000.0, 1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1,
            ],
            scaling: vec![FeatureScaling::Standard, FeatureScaling::None],
        }
    }
}

/// Penalties that are worse than the best before them, one after another, before no weaker one is tried: they take the longest.
const WORSE_IN_A_ROW: usize = 3;
/// A penalty that is more than so many times what the stays count leaves nothing to solve.
const MOST_PENALTY: f64 = 1e6;

/// How a linear head is solved: all that can change it beside features and labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinearHeadSettings {
    /// The solver.
    #[serde(serialize_with = "with_kind")]
    pub optimizer: Lbfgs,
    /// What a stay's loss counts, by its class.
    #[serde(skip_serializing_if = "is_default")]
    pub class_weights: ClassWeights,
}

/// As a recipe states it.
#[derive(Serialize)]
struct Stated<'a> {
    kind: &'static str,
    penalties: &'a [f64],
    scaling: &'a [FeatureScaling],
}

/// Writes the solver as a recipe's table `optimizer`.
pub fn with_kind<S: serde::Serializer>(lbfgs: &Lbfgs, serializer: S) -> Result<S::Ok, S::Error> {
    Stated {
        kind: "lbfgs",
        penalties: &lbfgs.penalties,
        scaling: &lbfgs.scaling,
    }
    .serialize(serializer)
}

/// A head, and the penalty that was chosen on validation.
pub struct SolvedHead {
    /// The head. Its history has a row a scaling and penalty, and its best epoch is the number of the one that was chosen.
    pub head: TrainedHead,
    /// The penalty.
    pub penalty: f64,
    /// The scaling.
    pub scaling: FeatureScaling,
}

/// Solves the head of `outputs` for every scaling and penalty, from strong to weak, and keeps the one with the least loss on
/// validation: the means and deviations of the features, which are the training stays', are folded into it.
pub fn solve_head(
    settings: &LinearHeadSettings,
    outputs: usize,
    train: &LabelledFeatures,
    validation: &LabelledFeatures,
    watch: &dyn Watch,
) -> Result<SolvedHead, Error> {
    let values = numbers_of(train)?;
    let width = values.len() / train.truth.len();
    let standard = Scaling::of(&values, width);
    if standard.constants() > 0 {
        watch.note(&format!(
            "{} of {width} features do not vary over the training stays: they have no weight",
            standard.constants()
        ));
    }
    let scale = NumberScale::for_head(&train.truth)?;
    let [learned, asked] =
        [train, validation].map(|rows| NumberScale::learned(scale.as_ref(), &rows.truth));
    let weights = (train.truth.classes())
        .and_then(|labels| (settings.class_weights).of(labels, outputs))
        .map(|weights| weights.into_iter().map(f64::from).collect::<Vec<f64>>());
    let mut problem = Problem {
        values: &values,
        width,
        outcomes: Outcomes::of(&learned, outputs, weights.clone()),
        scaling: standard.clone(),
    };
    let validated = numbers_of(validation)?;
    refuse_one_outcome(settings, validation)?;
    let mut search = Search {
        values: &validated,
        truth: &validation.truth,
        outcomes: Outcomes::of(&asked, outputs, weights),
        scale,
        history: History::default(),
        steps: 0,
        best: None,
    };
    let scalings = &settings.optimizer.scaling;
    let penalties = from_strong_to_weak(&settings.optimizer.penalties);
    for (number, scaling) in scalings.iter().enumerate() {
        problem.scaling = match scaling {
            FeatureScaling::Standard => standard.clone(),
            FeatureScaling::None => standard.centred(),
        };
        let mut path = Path::new(&problem);
        let (mut least, mut worse) = (f64::INFINITY, 0);
        for (place, penalty) in penalties.iter().enumerate() {
            if watch.is_interrupted() {
                return Err(Error::Interrupted);
            }
            let Some(fit) = path.fit(*penalty) else {
                watch.note(&format!(
                    "the penalty {penalty} did not converge: no weaker one is tried{}",
                    within(scalings, *scaling)
                ));
                break;
            };
            let tried = (scalings.len() > 1).then_some(*scaling);
            let now = search.look_at(*scaling, tried, &problem, &fit)?;
            let total = (scalings.len() * penalties.len()) as u64;
            let done = number * penalties.len() + place + 1;
            watch.progress(done as u64, total, format!("penalty {penalty}{now}"));
            worse = match now.loss > least {
                true => worse + 1,
                false => 0,
            };
            least = least.min(now.loss);
            if worse == WORSE_IN_A_ROW {
                break;
            }
        }
    }
    let (history, best) = (search.history, search.best);
    let best = best.ok_or_else(|| unsolved(&penalties, problem.outcomes.total()))?;
    note_edge(best.penalty, &penalties, watch);
    Ok(SolvedHead {
        penalty: best.penalty,
        scaling: best.scaling,
        head: TrainedHead {
            parameters: best.parameters,
            history,
            best_epoch: best.number,
            best: best.validation,
        },
    })
}

fn numbers_of(rows: &LabelledFeatures) -> Result<Vec<f32>, Error> {
    let values = rows.features.flatten_all()?.to_vec1::<f32>()?;
    let width = values.len() / rows.truth.len().max(1);
    match values.iter().position(|number| !number.is_finite()) {
        None => Ok(values),
        Some(at) => Err(Error::stage(format!(
            "stay {}: feature {} is {}",
            rows.ids[at / width],
            at % width,
            values[at]
        ))),
    }
}

/// Fails if validation cannot choose and is asked to.
fn refuse_one_outcome(settings: &LinearHeadSettings, rows: &LabelledFeatures) -> Result<(), Error> {
    let Lbfgs { penalties, scaling } = &settings.optimizer;
    match one_outcome::of_validation(&rows.truth) {
        Some(problem) if penalties.len() * scaling.len() > 1 => {
            Err(Error::stage(format!("{problem}: no penalty can be chosen by them"))
                .with_hint("give the validation split stays of several classes, or state one penalty and one scaling"))
        }
        _ => Ok(()),
    }
}

fn from_strong_to_weak(penalties: &[f64]) -> Vec<f64> {
    let mut penalties = penalties.to_vec();
    penalties.sort_by(|one, other| other.total_cmp(one));
    penalties
}

/// `weight`: what the training stays count together, of which a penalty is a share.
fn unsolved(penalties: &[f64], weight: f64) -> Error {
    let strongest = penalties.first().copied().unwrap_or_default();
    let better = match strongest > MOST_PENALTY * weight {
        true => "weaker",
        false => "stronger",
    };
    Error::stage(format!(
        "no linear head with a penalty of {penalties:?} converged"
    ))
    .with_hint(format!(
        "state {better} ones in `optimizer.penalties` (the training stays and their class weights come to {weight}), or look \
         at the features for extreme values"
    ))
}

/// Of several scalings, which a note is about.
fn within(scalings: &[FeatureScaling], scaling: FeatureScaling) -> &'static str {
    match scaling {
        _ if scalings.len() == 1 => "",
        FeatureScaling::Standard => " on standardised features",
        FeatureScaling::None => " on features as they are",
    }
}

/// The best penalty may lie beyond those that were tried.
fn note_edge(penalty: f64, penalties: &[f64], watch: &dyn Watch) {
    let beyond = match penalties {
        [_] => return,
        [strongest, ..] if *strongest == penalty => "stronger",
        [.., weakest] if *weakest == penalty => "weaker",
        _ => return,
    };
    watch.note(&format!(
        "the penalty {penalty} is the best of those tried and at their edge: a {beyond} one may be better"
    ));
}

/// What was found so far.
struct Search<'a> {
    /// Features of the validation stays.
    values: &'a [f32],
    /// What is true of them, in units.
    truth: &'a Truth,
    /// The same, as it is learned.
    outcomes: Outcomes<'a>,
    scale: Option<NumberScale>,
    history: History,
    steps: usize,
    best: Option<Best>,
}

struct Best {
    /// The row of the history, from 1.
    number: usize,
    penalty: f64,
    scaling: FeatureScaling,
    parameters: HostParameters,
    validation: HeadValidation,
}

impl Search<'_> {
    /// Of several scalings, `tried` is the one at hand.
    fn look_at(
        &mut self,
        scaling: FeatureScaling,
        tried: Option<FeatureScaling>,
        problem: &Problem<f32>,
        fit: &Fit,
    ) -> Result<HeadValidation, Error> {
        let number = self.history.rows().count() + 1;
        let mut parameters = parameters(&fit.linear, problem);
        let validation = self.validate(problem, &rounded(&parameters))?;
        if let Some(scale) = self.scale {
            scale.layer_in_units(&mut parameters, Head::LINEAR);
        }
        self.steps += fit.steps;
        let train_loss = problem.outcomes.mean(fit.loss);
        let told = tried.map(|scaling| {
            let standardised = scaling == FeatureScaling::Standard;
            ("standardised", Some(f64::from(u8::from(standardised))))
        });
        let row = [
            ("epoch", Some(number as f64)),
            ("step", Some(self.steps as f64)),
            ("penalty", Some(fit.penalty)),
            ("train_loss", Some(train_loss)),
        ];
        let row = row
            .into_iter()
            .chain(HeadValidation::columns(self.truth, Some(&validation)));
        self.history.push(row.chain(told));
        let least = self.best.as_ref().map(|best| best.validation.loss);
        if least.is_none_or(|least| validation.loss < least) {
            self.best = Some(Best {
                number,
                penalty: fit.penalty,
                scaling,
                parameters,
                validation,
            });
        }
        Ok(validation)
    }

    /// Loss and scores of what is delivered, which is rounded to single precision.
    fn validate(&self, problem: &Problem<f32>, linear: &Linear) -> Result<HeadValidation, Error> {
        let outputs = problem.outcomes.head_outputs();
        let said = linear.outputs(self.values, problem.width);
        let mut loss = 0.0;
        for (number, row) in said.chunks_exact(outputs).enumerate() {
            loss += (self.outcomes).loss_and_slopes(&mut row.to_vec(), number);
        }
        let loss = self.outcomes.mean(loss);
        if !loss.is_finite() {
            return Err(Error::stage(format!("the validation loss is {loss}")));
        }
        let said = match self.scale {
            Some(scale) => said
                .into_iter()
                .map(|output| scale.in_units(output))
                .collect(),
            None => said,
        };
        let said: Vec<f32> = said.into_iter().map(|output| output as f32).collect();
        let said = Tensor::from_vec(said, (self.truth.len(), outputs), &Device::Cpu)?;
        scores(&said, self.truth, loss)
    }
}

/// One row of weights an output. Of two classes each has half of the odds' coefficients, the first the negative ones.
fn parameters(linear: &Linear, problem: &Problem<f32>) -> HostParameters {
    let by_class = |numbers: &[f64]| -> Vec<f32> {
        match &problem.outcomes {
            Outcomes::Classes { classes: 2, .. } => [-0.5, 0.5]
                .into_iter()
                .flat_map(|share| numbers.iter().map(move |number| (share * number) as f32))
                .collect(),
            _ => numbers.iter().map(|number| *number as f32).collect(),
        }
    };
    let tensor = |numbers: &[f64], shape: Vec<usize>| FloatTensor {
        shape,
        values: by_class(numbers),
    };
    let (outputs, width) = (problem.outcomes.head_outputs(), problem.width);
    let [weight, bias] = Head::LINEAR.map(String::from);
    HostParameters::from([
        (weight, tensor(&linear.coefficients, vec![outputs, width])),
        (bias, tensor(&linear.intercepts, vec![outputs])),
    ])
}

/// What those parameters say, output by output.
fn rounded(parameters: &HostParameters) -> Linear {
    let numbers = |name: &str| {
        let values = parameters.get(name).map(|tensor| tensor.values.as_slice());
        let values = values.unwrap_or_default().iter();
        values.map(|number| f64::from(*number)).collect()
    };
    let [weight, bias] = Head::LINEAR;
    Linear {
        intercepts: numbers(bias),
        coefficients: numbers(weight),
    }
}

#[cfg(test)]
mod tests;
