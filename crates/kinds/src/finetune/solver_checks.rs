//! What a recipe may not say beside a solver.

use super::FinetuneTable;
use crate::kind::StageCheck;
use pipeline_model::classifier::Head;
use pipeline_model::config::HeadKind;
use pipeline_recipe::Mistake;
use pipeline_train::config::Loss;
use pipeline_train::linear_head::{FeatureScaling, Lbfgs};

/// Settings of a training that goes by steps and epochs.
pub(super) const OF_STEPS: [&str; 14] = [
    "epochs",
    "batch_size",
    "clip_norm",
    "dropout",
    "transformer_dropout",
    "select",
    "early_stopping",
    "sampling",
    "schedule",
    "accumulate",
    "max_steps",
    "validate_every",
    "keep",
    "precision",
];

impl StageCheck<'_> {
    /// `trainable`: the parameters that the freeze stage leaves open, where they are known.
    pub(super) fn solver(
        &mut self,
        stage: &FinetuneTable,
        solver: &Lbfgs,
        trainable: Option<&[String]>,
    ) {
        for key in OF_STEPS {
            if self.states(&[key]) {
                let problem = "means nothing beside `lbfgs`, which has neither steps nor epochs";
                let mistake = self.mistake(&[key], problem, "without effect");
                self.mistakes.push(mistake.help("leave it out"));
            }
        }
        self.settings_of_another(
            "lbfgs",
            &[
                "lr",
                "betas",
                "eps",
                "momentum",
                "nesterov",
                "weight_decay",
                "groups",
            ],
        );
        self.penalties(&solver.penalties);
        self.scaling(&solver.scaling);
        let task = self.task_of(&stage.data, stage.target.as_deref());
        if stage.loss.is_some_and(|loss| loss != Loss::of_task(task)) {
            let mistake = self.mistake(
                &["loss"],
                "is neither plain cross-entropy nor, of a regression, the squared error: these `lbfgs` solves",
                "another loss",
            );
            let help = "leave it out; rare classes may count more by `class_weights`";
            self.mistakes.push(mistake.help(help));
        }
        let mistake = self.of_linear_head(stage, trainable);
        self.mistakes.extend(mistake);
    }

    /// A solver has a linear head, all of it and nothing else.
    fn of_linear_head(
        &self,
        stage: &FinetuneTable,
        trainable: Option<&[String]>,
    ) -> Option<Mistake> {
        let at_kind =
            |problem: &str| self.mistake(&["optimizer", "kind"], problem, "solves a linear head");
        let head = self.model?.classifier.head;
        if head != HeadKind::Linear {
            let place = self.tree.place(&["model", "classifier", "head"]);
            let mistake = at_kind("needs a linear head, and model.classifier.head is `mlp`")
                .and(place, "the head");
            return Some(
                mistake.help("set model.classifier.head = \"linear\", or train with `adamw`"),
            );
        }
        let trainable = trainable?;
        let place = self.tree.place(&["stages", &stage.model, "trainable"]);
        if let Some(open) = trainable.iter().find(|name| !Head::owns(name)) {
            let problem = format!("needs a frozen backbone, and {open} is trainable");
            let mistake = at_kind(&problem).and(place, "what is trainable");
            return Some(mistake.help("leave `cls_head.*` alone trainable, or train with `adamw`"));
        }
        let frozen = Head::LINEAR
            .iter()
            .find(|name| !trainable.iter().any(|open| open == *name))?;
        let problem = format!("solves the whole head, and {frozen} is frozen");
        let mistake = at_kind(&problem).and(place, "what is trainable");
        Some(mistake.help("let `cls_head.*` be trainable"))
    }

    fn scaling(&mut self, scaling: &[FeatureScaling]) {
        for (index, one) in scaling.iter().enumerate() {
            if scaling[..index].contains(one) {
                let index = index.to_string();
                let path = ["optimizer", "scaling", &index];
                let mistake = self.mistake(&path, "is stated once more", "would be tried twice");
                self.mistakes.push(mistake);
            }
        }
    }

    fn penalties(&mut self, penalties: &[f64]) {
        for (index, penalty) in penalties.iter().enumerate() {
            let (problem, label) = match penalty {
                penalty if !(*penalty > 0.0 && penalty.is_finite()) => {
                    (format!("must be more than 0, not {penalty}"), "no penalty")
                }
                penalty if penalties[..index].contains(penalty) => {
                    (format!("is {penalty} once more"), "tried already")
                }
                _ => continue,
            };
            let index = index.to_string();
            let mistake = self.mistake(&["optimizer", "penalties", &index], &problem, label);
            self.mistakes.push(mistake);
        }
    }
}
