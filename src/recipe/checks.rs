//! Rules that join several values, or that a schema cannot say.

use super::mistake::Mistake;
use super::opened::trainable_parameters;
use super::stage_config::StageConfig;
use super::tree::Node;
use crate::checkpoint::{Pattern, RenameRule};
use crate::data::config::{DataConfig, Embeddings, MissingDescription, Source, SplitRule};
use crate::model::classifier::Head;
use crate::model::config::ModelConfig;

/// How far the shares of a split may be from a sum of 1.
const RATIO_TOLERANCE: f64 = 1e-9;
/// The largest dropout that leaves something to train on.
const MAX_DROPOUT: f64 = 0.9;

/// Notes what is wrong with the model and with every stage by itself.
pub fn check(
    tree: &Node,
    model: Option<&ModelConfig>,
    stages: &[(String, StageConfig)],
    mistakes: &mut Vec<Mistake>,
) {
    for (field, problem) in model.map(ModelConfig::conflicts).unwrap_or_default() {
        let place = tree.place(&["model", field]);
        let label = match tree.at(&["model", field]) {
            Some(_) => "stated here".to_string(),
            None => format!("`{field}` is not stated, so its default holds"),
        };
        mistakes.push(Mistake::new(
            format!("model.{field}: {problem}"),
            place,
            label,
        ));
    }
    for (name, stage) in stages {
        let mut check = StageCheck {
            tree,
            name,
            mistakes,
        };
        match stage {
            StageConfig::Data(data) => {
                check.split(data);
                check.labels(data);
                check.embeddings(data, model);
            }
            StageConfig::Pretrain(stage) => check.pretrain(stage, model),
            StageConfig::Finetune(stage) => {
                check.finetune(stage, model, stages);
            }
            StageConfig::Import(stage) => {
                check.patterns("new", &stage.new);
                check.patterns("ignore", &stage.ignore);
                check.rename(&stage.rename);
            }
            StageConfig::Freeze(stage) => {
                check.patterns("trainable", &stage.trainable);
                check.trainable(&stage.trainable, model);
            }
            StageConfig::Evaluate(stage) => check.evaluate(stage, model),
            StageConfig::Diagnose(_) => {}
            StageConfig::Command(command) => check.command(command),
        }
    }
}

pub(super) struct StageCheck<'a> {
    pub(super) tree: &'a Node,
    name: &'a str,
    pub(super) mistakes: &'a mut Vec<Mistake>,
}

impl StageCheck<'_> {
    /// A mistake at a place below the stage.
    pub(super) fn mistake(&self, path: &[&str], problem: &str, label: &str) -> Mistake {
        let mut whole = vec!["stages", self.name];
        whole.extend(path);
        let place = self.tree.place(&whole);
        Mistake::new(format!("{} {problem}", whole.join(".")), place, label)
    }

    /// Whether the recipe states a value at a place below the stage.
    pub(super) fn states(&self, path: &[&str]) -> bool {
        let mut whole = vec!["stages", self.name];
        whole.extend(path);
        self.tree.at(&whole).is_some()
    }

    fn split(&mut self, data: &DataConfig) {
        match &data.split {
            SplitRule::Ratio(shares) => {
                let path = ["split", "ratio"];
                let sum: f64 = shares.iter().sum();
                if shares.iter().any(|share| *share < 0.0) {
                    let mistake = self.mistake(&path, "has a negative share", "negative");
                    self.mistakes.push(mistake);
                } else if (sum - 1.0).abs() > RATIO_TOLERANCE {
                    let problem = format!("sums to {sum}, not to 1");
                    let mistake = self.mistake(&path, &problem, &format!("sums to {sum}"));
                    self.mistakes
                        .push(mistake.help("shares of train, validation and test"));
                }
            }
            SplitRule::Folders(_) if !matches!(data.source, Source::PatientParquet(_)) => {
                let mistake = self
                    .mistake(
                        &["split", "folders"],
                        "needs a source that has one folder a split",
                        "folders of splits",
                    )
                    .and(
                        self.tree.place(&["stages", self.name, "source", "format"]),
                        "has none",
                    )
                    .help("only `patient-parquet` has them; use { file = … } or { ratio = […] }");
                self.mistakes.push(mistake);
            }
            SplitRule::Column(_) if !data.source.has_split_columns() => {
                let mistake = self
                    .mistake(
                        &["split", "column"],
                        "needs a source whose own table tells splits",
                        "a column of the source",
                    )
                    .and(
                        self.tree.place(&["stages", self.name, "source", "format"]),
                        "tells none",
                    )
                    .help("`meds` does, and the table `stays` of `long` and `wide`; use { file = … } or { ratio = […] }");
                self.mistakes.push(mistake);
            }
            SplitRule::Column(_) | SplitRule::Folders(_) | SplitRule::File(_) => {}
        }
    }

    /// Of a `wide` source labels stand in a table of their own or in a column of the rows.
    fn labels(&mut self, data: &DataConfig) {
        let Source::Wide(source) = &data.source else {
            return;
        };
        let mistake = match (&source.labels, &source.row_label) {
            (Some(_), Some(_)) => self
                .mistake(
                    &["source", "row_label"],
                    "has `labels` beside it",
                    "a second source of labels",
                )
                .and(
                    self.tree.place(&["stages", self.name, "source", "labels"]),
                    "the first",
                ),
            (None, None) => {
                self.mistake(&["source"], "says nowhere what the labels are", "no labels")
            }
            _ => return,
        };
        self.mistakes.push(mistake.help(
            "labels = { path = …, id = …, column = … } for a table of labels, row_label for a column of the rows",
        ));
    }

    fn embeddings(&mut self, data: &DataConfig, model: Option<&ModelConfig>) {
        if let Embeddings::Text(text) = &data.embeddings
            && text.missing == MissingDescription::Name
            && text.descriptions.is_none()
        {
            let mistake = self
                .mistake(
                    &["embeddings", "text", "missing"],
                    "needs `descriptions`",
                    "what to do with a variable without a description",
                )
                .help("without descriptions the names are the texts of all variables");
            self.mistakes.push(mistake);
        }
        if let (Embeddings::Orthonormal(numbers), Some(model)) = (&data.embeddings, model)
            && *numbers != model.input_dim
        {
            let problem = format!("is {numbers}, but model.input_dim is {}", model.input_dim);
            let stated = self.tree.at(&["model", "input_dim"]).is_some();
            let mistake = self.mistake(
                &["embeddings", "orthonormal"],
                &problem,
                "numbers in an embedding",
            );
            self.mistakes.push(if stated {
                let place = self.tree.place(&["model", "input_dim"]);
                mistake.and(place, "numbers the model takes")
            } else {
                mistake.help(format!(
                    "model.input_dim is not stated, and {} without that",
                    model.input_dim
                ))
            });
        }
    }

    pub(super) fn betas(&mut self, betas: [f64; 2]) {
        for (index, beta) in betas.into_iter().enumerate() {
            if !(0.0..1.0).contains(&beta) {
                let index = index.to_string();
                let mistake = self.mistake(
                    &["optimizer", "betas", &index],
                    &format!("must be at least 0 and less than 1, not {beta}"),
                    "not in [0, 1)",
                );
                self.mistakes.push(mistake);
            }
        }
    }

    pub(super) fn dropout(&mut self, rates: [f64; 3]) {
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

    fn patterns(&mut self, field: &str, patterns: &[String]) {
        for (index, pattern) in patterns.iter().enumerate() {
            if let Err(reason) = Pattern::new(pattern) {
                let index = index.to_string();
                let mistake = self
                    .mistake(
                        &[field, &index],
                        &format!("is no pattern: {reason}"),
                        "this pattern",
                    )
                    .help(Pattern::SYNTAX);
                self.mistakes.push(mistake);
            }
        }
    }

    fn rename(&mut self, rules: &[RenameRule]) {
        for (index, rule) in rules.iter().enumerate() {
            if let Err((field, reason)) = rule.compile() {
                let index = index.to_string();
                let mistake = self
                    .mistake(&["rename", &index, field], &reason, "this rule")
                    .help("{ prefix = \"old.\", to = \"new.\" }, or { pattern = 'h\\.(\\d+)\\.(.*)', to = \"layers.$1.$2\" }");
                self.mistakes.push(mistake);
            }
        }
    }

    /// A pattern that opens nothing is a slip of the pen.
    fn trainable(&mut self, patterns: &[String], model: Option<&ModelConfig>) {
        for (index, text) in patterns.iter().enumerate() {
            let one = std::slice::from_ref(text);
            let matches_none = |model: &ModelConfig| {
                trainable_parameters(model, one).is_some_and(|n| n.is_empty())
            };
            if Pattern::new(text).is_ok() && model.is_some_and(matches_none) {
                let path = ["trainable", &index.to_string()];
                let mistake = self
                    .mistake(
                        &path,
                        "matches no parameter of the model",
                        "matches nothing",
                    )
                    .help(format!("the head's parameters are {}.*", Head::PREFIX));
                self.mistakes.push(mistake);
            }
        }
    }
}
