//! What a schema cannot say of a finetune stage.

use super::{FinetuneTable, HeadOptimizer};
use crate::asked::target_of;
use crate::kind::StageCheck;
use crate::opened::trainable_parameters;
use pipeline_data::config::Task;
use pipeline_data::subsample::Subsample;
use pipeline_data::target::Target;
use pipeline_model::backbone::Step;
use pipeline_model::classifier::Head;
use pipeline_model::config::HeadKind;
use pipeline_model::precision::Precision;
use pipeline_recipe::Mistake;
use pipeline_train::class_balance::{ClassWeights, Sampling};
use pipeline_train::config::{Loss, SelectionMetric};

/// The largest dropout that leaves something to train on.
const MAX_DROPOUT: f64 = 0.9;

impl StageCheck<'_> {
    pub(super) fn finetune(&mut self, stage: &FinetuneTable) {
        let model = self.model;
        let freeze = self.stages.iter().find(|(name, _)| *name == stage.model);
        let patterns = freeze.and_then(|(_, stage)| stage.trainable());
        let trainable = model
            .zip(patterns)
            .and_then(|(model, patterns)| trainable_parameters(model, patterns));
        self.head_width();
        match &stage.optimizer {
            HeadOptimizer::Solver(solver) => self.solver(stage, solver, trainable.as_deref()),
            HeadOptimizer::Steps(optimizer) => {
                self.dropout(stage.dropout);
                if let Some(trainable) = &trainable {
                    self.transformer_dropout(stage, trainable);
                    self.precision(stage, trainable);
                }
                self.optimizer(optimizer, trainable);
                self.schedule(&stage.schedule, stage.max_steps);
            }
        }
        self.subsample(stage.subsample.as_ref());
        let lookup = self.lookup();
        let target = stage.target.as_ref();
        let target = target.and_then(|name| target_of(&lookup, &stage.data, name));
        match (&target, model) {
            (Some(target), _) => self.of_task(stage, target),
            (None, Some(model)) => self.class_weights(stage, model.classifier.num_classes),
            (None, None) => {}
        }
        if target.is_none() && matches!(stage.loss, Some(Loss::Mse | Loss::Huber { .. })) {
            let problem = "is one of numbers, and classes are learned";
            let mistake = self.mistake(&["loss"], problem, "of a regression");
            let help = "leave it out, or name a `target` whose task is `regression`";
            self.mistakes.push(mistake.help(help));
        }
    }

    /// What is learned of a target is said of its task.
    fn of_task(&mut self, stage: &FinetuneTable, target: &Target) {
        let outputs = target.outputs.len();
        let numbers = matches!(stage.loss, Some(Loss::Mse | Loss::Huber { .. }));
        let plain = stage.loss.is_none_or(|loss| loss == Loss::default());
        let of_classes: &[(&str, bool)] = &[
            ("class_weights", self.states(&["class_weights"])),
            ("sampling", self.states(&["sampling"])),
        ];
        let unfit: Vec<(&str, String)> = match target.task {
            Task::Classification => {
                self.class_weights(stage, outputs);
                let of_numbers = numbers.then_some("loss");
                let unfit = of_numbers.map(|field| (field, "is one of numbers".to_string()));
                unfit.into_iter().collect()
            }
            task => {
                let stated = of_classes.iter().filter(|(_, stated)| *stated);
                let what = "is said of classes".to_string();
                let mut unfit: Vec<_> = stated.map(|(field, _)| (*field, what.clone())).collect();
                if task == Task::MultiLabel && !plain {
                    unfit.push(("loss", "is not plain cross-entropy".into()));
                }
                if task == Task::Regression && stage.loss.is_some() && !numbers {
                    unfit.push(("loss", "is one of classes".into()));
                }
                let stops_by = stage.early_stopping.as_ref().and_then(|rule| rule.metric);
                for (field, metric) in [
                    ("select", stage.select),
                    ("early_stopping.metric", stops_by),
                ] {
                    let ranks = metric.is_some_and(|metric| metric != SelectionMetric::Loss);
                    if task == Task::Regression && ranks {
                        unfit.push((field, "ranks classes".into()));
                    }
                }
                unfit
            }
        };
        for (field, what) in unfit {
            let problem = format!("{what}, and `{}` is a {}", target.name, target.task.name());
            let path: Vec<&str> = field.split('.').collect();
            let mistake = self.mistake(&path, &problem, "of another task");
            self.mistakes.push(mistake.help("leave it out"));
        }
    }

    /// The norm of a single number gives 0 whatever the number is.
    fn head_width(&mut self) {
        let Some(model) = self
            .model
            .filter(|model| Head::last_width(model) == Some(1))
        else {
            return;
        };
        // The same words for every stage, so that they are told once.
        let problem = format!(
            "model.latent_dim: is {}, so the last norm of the head `mlp` has a single number (latent_dim / 4), and the head says \
             the same of every stay",
            model.latent_dim
        );
        let place = |path| self.tree.place(path);
        let width = ["model", "latent_dim"];
        let mut mistake = Mistake::new(problem, place(&width), "too narrow for the head");
        let head = ["model", "classifier", "head"];
        if self.tree.at(&head).is_some() {
            mistake = mistake.and(place(&head), "the head");
        }
        let help = "state head = \"linear\" in [model.classifier], or a `latent_dim` of 16 or more";
        self.mistakes.push(mistake.help(help));
    }

    /// A rate that acts on nothing would make two stages that do the same look different.
    fn transformer_dropout(&mut self, stage: &FinetuneTable, trainable: &[String]) {
        let steps = Step::of_parameters(trainable);
        let has_layer = steps.iter().any(|step| matches!(step, Step::Layer(_)));
        if stage.transformer_dropout > 0.0 && !has_layer {
            let problem = "acts on no layer: every layer of the transformer is frozen";
            let mistake = self.mistake(&["transformer_dropout"], problem, "without effect");
            let trainable = self.tree.place(&["stages", &stage.model, "trainable"]);
            self.mistakes
                .push(mistake.and(trainable, "what is trainable").help(
                    "frozen layers have no dropout; open some of `transformer.layers.N.*`, or leave it out",
                ));
        }
    }

    /// A head on stored features is trained in single precision, and so were its features computed.
    fn precision(&mut self, stage: &FinetuneTable, trainable: &[String]) {
        let opens = trainable.iter().any(|name| !Head::owns(name));
        if stage.precision != Precision::F32 && !opens {
            let problem = "acts on no pass of the backbone: all of it is frozen";
            let mistake = self.mistake(&["precision"], problem, "without effect");
            let trainable = self.tree.place(&["stages", &stage.model, "trainable"]);
            let mistake = mistake.and(trainable, "what is trainable");
            self.mistakes.push(mistake.help("leave it out: features of a frozen backbone are computed once, in single precision"));
        }
    }

    /// How many stays are drawn is stated once.
    fn subsample(&mut self, subsample: Option<&Subsample>) {
        let problem = match subsample {
            Some(Subsample {
                stays: Some(_),
                fraction: Some(_),
                ..
            }) => "states `stays` and `fraction`",
            Some(Subsample {
                stays: None,
                fraction: None,
                ..
            }) => "states neither `stays` nor `fraction`",
            _ => return,
        };
        let mistake = self.mistake(&["subsample"], problem, "how many stays?");
        self.mistakes.push(mistake.help("state one of the two"));
    }

    fn dropout(&mut self, rates: [f64; 3]) {
        let linear = (self.model).is_some_and(|model| model.classifier.head == HeadKind::Linear);
        if linear && self.states(&["dropout"]) {
            let problem = "acts on hidden layers, and model.classifier.head is `linear`";
            let mistake = self.mistake(&["dropout"], problem, "without effect");
            let place = self.tree.place(&["model", "classifier", "head"]);
            let mistake = mistake.and(place, "it has none").help("leave it out");
            self.mistakes.push(mistake);
        }
        for (index, rate) in rates.into_iter().enumerate() {
            if !(0.0..=MAX_DROPOUT).contains(&rate) {
                let index = index.to_string();
                let mistake = self.mistake(
                    &["dropout", &index],
                    &format!("must be between 0 and {MAX_DROPOUT}, not {rate}"),
                    "not in [0, 0.9]",
                );
                self.mistakes.push(mistake);
            }
        }
    }

    fn class_weights(&mut self, stage: &FinetuneTable, classes: usize) {
        match &stage.class_weights {
            ClassWeights::Given(weights) if weights.len() != classes => {
                let problem = format!(
                    "has {} weights, and model.classifier.num_classes is {classes}",
                    weights.len()
                );
                let mistake = self.mistake(&["class_weights"], &problem, "one a class");
                self.mistakes.push(mistake);
            }
            ClassWeights::Balanced if stage.sampling == Sampling::Balanced => {
                let problem =
                    "is `balanced`, and so is `sampling`: rare classes would count twice over";
                let mistake = self.mistake(&["class_weights"], problem, "balances once more");
                self.mistakes.push(mistake.help("keep one of the two"));
            }
            _ => {}
        }
    }
}
