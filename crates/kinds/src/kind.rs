//! What makes a kind of stage.

use std::collections::BTreeMap;

use maud::Markup;

use crate::edges::Reference;
use crate::feature_origin::FeatureOrigin;
use crate::results::{Outputs, StageResults};
use crate::scoring::head_of;
use pipeline_checkpoint::Pattern;
use pipeline_data::config::{TargetTable, Task};
use pipeline_data::dataset::Split;
use pipeline_data::subsample::Subsample;
use pipeline_error::Error;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::objective::Objective;
use pipeline_recipe::source::Origin;
use pipeline_recipe::tree::Node as Tree;
use pipeline_recipe::{Mistake, nearest};
use pipeline_stage::Node;

/// A kind of stage: implemented by its table in a recipe, all of it in one folder. The work itself is that of
/// the [`Stage`](pipeline_stage::Stage) in its nodes, which has the code version and the fields of the key.
pub trait StageKind {
    /// The kind's name, as written in recipes.
    fn kind() -> &'static str
    where
        Self: Sized;

    /// The seed that the recipe states for this stage alone.
    fn seed(&self) -> Option<u64>;

    /// Stages it names.
    fn references(&self) -> Vec<Reference>;

    /// The artifacts it makes: their names, and those of files that hold such contents.
    fn artifacts(&self) -> Vec<(&str, &str)>;

    /// Notes the mistakes that a schema cannot see.
    fn check(&self, check: &mut StageCheck);

    /// The stages whose models it uses, where it matters into which model these were imported.
    fn model_uses(&self) -> Vec<ModelUse<'_>> {
        Vec::new()
    }

    /// The names of its metrics, where they are known before it has run; `stage` gives the others of the recipe.
    fn metrics(&self, _stage: &Lookup) -> Option<Vec<String>> {
        None
    }

    /// Of a stage that imports: how.
    fn imported(&self) -> Option<Imported> {
        None
    }

    /// Of a stage that freezes: the patterns of what stays trainable.
    fn trainable(&self) -> Option<&[String]> {
        None
    }

    /// Of a stage that holds a model in memory: which.
    fn model_held(&self) -> Option<ModelHeld> {
        None
    }

    /// Of a stage that pretrains: what is asked of the model.
    fn objective(&self) -> Option<Objective> {
        None
    }

    /// Of a stage that trains a head, called `name`, on the data stage `data`: where the features come from.
    fn features_on(&self, _name: &str, _data: &str, _around: &dyn Around) -> Option<FeatureOrigin> {
        None
    }

    /// Whether it says which subjects are for training, validation and test.
    fn splits_subjects(&self) -> bool {
        false
    }

    /// Of a data stage: whether its stays have no labels.
    fn is_without_labels(&self) -> bool {
        false
    }

    /// Of a data stage: whether all of its stays are in the test split.
    fn is_test_split_alone(&self) -> bool {
        false
    }

    /// Of a stage that trains a head: on which data stage.
    fn head_trained_on(&self) -> Option<&str> {
        None
    }

    /// Of a data stage: the targets that it names.
    fn targets(&self) -> Option<&BTreeMap<String, TargetTable>> {
        None
    }

    /// Of a stage that trains a head: the target of its data that it learns; none: the label.
    fn target(&self) -> Option<&str> {
        None
    }

    /// Of a stage that trains a head on some of the training stays: which.
    fn subsample(&self) -> Option<&Subsample> {
        None
    }

    /// Of a stage that scores: on which split.
    fn scored_split(&self) -> Option<Split> {
        None
    }

    /// Of a stage that scores: the name of the target; none: the label. `stage` gives the others of the recipe.
    fn scored_target(&self, _stage: &Lookup) -> Option<String> {
        None
    }

    /// The nodes that the stage `name` becomes, derived ones before its own.
    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node>;

    /// What people read of what such a stage left.
    fn results(_outputs: &Outputs) -> Result<StageResults, Error>
    where
        Self: Sized,
    {
        Ok(StageResults::default())
    }

    /// What a report says of such results: its section, and what stands there below the stage's name.
    /// `position` tells the stage from others on the page.
    fn report(_stage: &str, _position: usize, _results: &StageResults) -> ReportPart
    where
        Self: Sized,
    {
        Ok(None)
    }
}

/// Which model a stage holds, and what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelHeld {
    /// Which of the architecture's models.
    pub mode: ModelMode,
    /// Stays in a batch, of a stage that trains all of it.
    pub batch: Option<usize>,
}

/// The stages of a recipe by name.
pub type Lookup<'a> = dyn Fn(&str) -> Option<&'a dyn StageKind> + 'a;

/// What a kind may see of the recipe around one of its stages.
pub trait Around {
    /// The architecture.
    fn model(&self) -> &ModelConfig;
    /// The seed of every stage that has none of its own.
    fn seed(&self) -> u64;
    /// Another stage.
    fn stage(&self, name: &str) -> Option<&dyn StageKind>;
}

/// Where whoever looks at the model of a stage has its features from: a finetuned one's are those that it was
/// trained on, if the data are the same.
pub fn features_of(around: &dyn Around, model: &str, data: &str) -> FeatureOrigin {
    let stage = around.stage(model);
    let trained_on = stage.and_then(|stage| stage.features_on(model, data, around));
    trained_on.unwrap_or_else(|| FeatureOrigin::Data(data.to_string()))
}

/// How a stage imports.
pub struct Imported {
    /// The model that the weights go into.
    pub into: ModelMode,
    /// Whether some parameters are new.
    pub has_new: bool,
}

/// A stage that is checked, and what is around it.
pub struct StageCheck<'a> {
    /// The recipe.
    pub tree: &'a Tree,
    /// The keys that lead to the stage's table.
    pub path: &'a [&'a str],
    /// The architecture, where it could be read.
    pub model: Option<&'a ModelConfig>,
    /// The stages that could be read.
    pub stages: &'a [(&'a str, &'a dyn StageKind)],
    /// Where mistakes are noted.
    pub mistakes: &'a mut Vec<Mistake>,
}

/// Why a data stage does not serve, and which of its settings says so.
struct Unfit {
    is_so: fn(&dyn StageKind) -> bool,
    what: &'static str,
    setting: &'static str,
    says: &'static str,
}

impl<'a> StageCheck<'a> {
    /// A mistake at a place below the stage.
    pub fn mistake(&self, path: &[&str], problem: &str, label: &str) -> Mistake {
        let whole = [self.path, path].concat().join(".");
        Mistake::new(format!("{whole} {problem}"), self.place(path), label)
    }

    /// The stages that could be read, by name.
    pub fn lookup(&self) -> impl Fn(&str) -> Option<&'a dyn StageKind> + use<'a> {
        let stages = self.stages;
        move |name| {
            let found = stages.iter().find(|(other, _)| *other == name);
            found.map(|(_, stage)| *stage)
        }
    }

    /// What is asked of the target `name` of the data stage `data`; of the label, a class.
    pub fn task_of(&self, data: &str, name: Option<&str>) -> Task {
        crate::asked::task_of(&self.lookup(), data, name)
    }

    /// The model in the field `model`, whose head must say the label.
    pub fn says_the_label(&mut self, model: &str) {
        let head = head_of(&self.lookup(), model);
        let Some(target) = head.and_then(StageKind::target).map(str::to_string) else {
            return;
        };
        let problem = format!("names `{model}`, which says the target `{target}`");
        let mistake = self.mistake(&["model"], &problem, "says no label");
        self.mistakes
            .push(mistake.help("only models of the label are diagnosed"));
    }

    /// The target that the field `target` names, which the data stage in the field `data` must have.
    pub fn needs_target(&mut self, data: &str, name: &str) {
        let Some(targets) = self.lookup()(data).and_then(StageKind::targets) else {
            return;
        };
        if targets.contains_key(name) {
            return;
        }
        let problem = format!("names `{name}`, which is no target of `{data}`");
        let help = match nearest(name, targets.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if targets.is_empty() => format!(
                "name it there: stages.{data}.targets.{name} = {{ task = \"regression\", path = …, column = … }}"
            ),
            None => {
                let known: Vec<&String> = targets.keys().collect();
                format!("its targets are {known:?}")
            }
        };
        let mistake = self.mistake(&["target"], &problem, "no such target");
        let place = self.tree.place(&["stages", data, "targets"]);
        self.mistakes
            .push(mistake.and(place, "the targets").help(help));
    }

    /// A place below the stage.
    pub fn place(&self, path: &[&str]) -> Origin {
        self.tree.place(&[self.path, path].concat())
    }

    /// Whether the recipe states a value at a place below the stage.
    pub fn states(&self, path: &[&str]) -> bool {
        self.tree.at(&[self.path, path].concat()).is_some()
    }

    /// The data stage in the field `data`, whose stays must have labels; `why` says what for.
    pub fn needs_labels(&mut self, data: &str, why: &str) {
        let unfit = Unfit {
            is_so: |stage| stage.is_without_labels(),
            what: "whose stays have no labels",
            setting: "labels",
            says: "no label is read",
        };
        self.needs_data(data, why, &unfit, format!(
            "leave `labels = \"none\"` out of `{data}` and say in its source what the labels are, or name another data stage"
        ));
    }

    /// The data stage in the field `data`, which must have a training split; `why` says what for.
    pub fn needs_training_split(&mut self, data: &str, why: &str) {
        let unfit = Unfit {
            is_so: |stage| stage.is_test_split_alone(),
            what: "which has no training split",
            setting: "split",
            says: "every stay is in the test split",
        };
        self.needs_data(data, why, &unfit, format!(
            "give `{data}` another split, such as {{ ratio = [0.8, 0.1, 0.1] }}, or name another data stage"
        ));
    }

    fn needs_data(&mut self, data: &str, why: &str, unfit: &Unfit, help: String) {
        if self.lookup()(data).is_some_and(|stage| (unfit.is_so)(stage)) {
            let problem = format!("names `{data}`, {}", unfit.what);
            let place = self.tree.place(&["stages", data, unfit.setting]);
            let mistake = self.mistake(&["data"], &problem, why);
            self.mistakes
                .push(mistake.and(place, unfit.says).help(help));
        }
    }

    /// Texts that must be patterns of names.
    pub fn patterns(&mut self, field: &str, patterns: &[String]) {
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
}

/// What a report says of a stage, and in which section; none: nothing.
pub type ReportPart = Result<Option<(ReportSection, Markup)>, Error>;

/// How a stage uses the model of another.
pub struct ModelUse<'a> {
    /// The field that names the other stage, dotted.
    pub field: String,
    /// The other stage.
    pub stage: &'a str,
    /// What an import must have imported into.
    pub mode: ModelMode,
    /// Why.
    pub reason: &'static str,
    /// Whether no parameter may be new.
    pub needs_all: bool,
}

/// A section of a report that kinds of stages write, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportSection {
    /// What was learned from.
    Data,
    /// How good the models are.
    Evaluation,
    /// What is wrong with models.
    Diagnosis,
    /// How trainings went.
    Training,
    /// What was loaded, left new, left over, frozen and trained.
    Weights,
}

impl ReportSection {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Data,
        Self::Evaluation,
        Self::Diagnosis,
        Self::Training,
        Self::Weights,
    ];

    /// What links to it name, and its heading.
    pub fn id_and_title(self) -> (&'static str, &'static str) {
        match self {
            Self::Evaluation => ("evaluation", "Evaluation"),
            Self::Diagnosis => ("diagnosis", "Diagnosis"),
            Self::Training => ("training", "Training"),
            Self::Weights => ("weights", "Weights"),
            Self::Data => ("data", "Data"),
        }
    }
}
