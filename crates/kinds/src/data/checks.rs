//! What a schema cannot say of a data stage.

use serde_json::Value;

use crate::kind::StageCheck;
use pipeline_data::config::{
    DataConfig, Embeddings, Labels, Landmarks, MissingDescription, Source,
};
use pipeline_data::contract::{InputField, RULE_PARTS};
use pipeline_data::embedding_width;
use pipeline_model::config::ModelConfig;
use pipeline_recipe::Mistake;

/// Columns of the artifact `stays` that every data stage may have.
const STAY_COLUMNS: [&str; 7] = [
    "stay_id",
    "subject_id",
    "split",
    "label",
    "sets",
    "events",
    "prediction_time",
];

/// What a stage takes from the one that it is like, besides [`RULE_PARTS`] of its rules of cleaning.
fn taken() -> impl Iterator<Item = &'static str> {
    let settings = InputField::ALL.into_iter().flat_map(InputField::settings);
    let whole = ["embeddings", "statistics", "variables"];
    settings.copied().chain(whole)
}

/// Takes out of a stage's table what it cannot state: defaults that mean nothing beside `like`, or without labels.
pub(crate) fn drop_taken_settings(table: &mut Value) {
    let drop = |table: &mut Value, names: &[&str]| {
        if let Some(table) = table.as_object_mut() {
            table.retain(|name, _| !names.contains(&name.as_str()));
        }
    };
    if table["labels"] == "none" {
        drop(table, &["without_label"]);
    }
    if table["like"].is_null() {
        return;
    }
    drop(table, &taken().collect::<Vec<_>>());
    let rules = table["cleaning"].as_object_mut().into_iter().flatten();
    rules.for_each(|(_, rule)| drop(rule, &RULE_PARTS));
}

impl StageCheck<'_> {
    pub(super) fn data(&mut self, data: &DataConfig) {
        self.split(data);
        self.labels(data);
        self.targets(data);
        self.attributes(data);
        self.patient_ids(data);
        self.times(data);
        self.cuts(data);
        self.preparation(data);
        if let Some(embeddings) = &data.embeddings {
            self.embeddings(embeddings, self.model);
        }
        if data.like.is_some() {
            self.taken_settings(data);
        }
    }

    /// The same of a source whose stays are predicted outside of a recipe.
    pub(crate) fn source_of_prediction(&mut self, data: &DataConfig) {
        for setting in data.source.label_settings() {
            let mistake = self
                .mistake(
                    &["source", setting],
                    "is stated, and a prediction reads no labels",
                    "labels",
                )
                .help("leave it out");
            self.mistakes.push(mistake);
        }
        for (field, path) in data.clone().paths() {
            if path.artifact().is_some() {
                let path: Vec<&str> = field.split('.').collect();
                let problem = "names a stage, and there is no recipe around it";
                let mistake = self.mistake(&path, problem, "no file");
                self.mistakes.push(mistake.help("name a file or folder"));
            }
        }
        self.times(data);
        self.cuts(data);
    }

    /// Labels are said once, or not at all where there are none. Of a `wide` source they stand in a table of their
    /// own or in a column of the rows.
    fn labels(&mut self, data: &DataConfig) {
        let how = data.source.how_to_label();
        match (data.labels, data.source.label_settings().as_slice()) {
            (Labels::None, stated) => {
                let in_source = stated.iter().map(|setting| vec!["source", setting]);
                let policy = ["without_label"]
                    .into_iter()
                    .filter(|name| self.states(&[name]));
                let all: Vec<_> = policy.map(|name| vec![name]).chain(in_source).collect();
                for path in all {
                    let problem = "is stated, and the stage has labels = \"none\"";
                    let mistake = self
                        .mistake(&path, problem, "labels")
                        .and(self.place(&["labels"]), "no label is read");
                    self.mistakes.push(mistake.help("leave one of the two out"));
                }
            }
            (Labels::Source, []) => {
                let Some(how) = how else { return };
                let problem = "says nowhere what the labels are";
                let mistake = self.mistake(&["source"], problem, "no labels");
                self.mistakes.push(mistake.help(format!(
                    "{how}; labels = \"none\" in `{}` where none are needed, as for pretraining",
                    self.path.join(".")
                )));
            }
            (Labels::Source, [first, second]) => {
                let problem = format!("has `{first}` beside it");
                let place = ["source", first];
                let mistake = self
                    .mistake(&["source", second], &problem, "a second source of labels")
                    .and(self.place(&place), "the first");
                self.mistakes.push(mistake.help(how.unwrap_or_default()));
            }
            (Labels::Source, _) => {}
        }
        if let (Labels::Source, Source::Meds(source)) = (data.labels, &data.source)
            && source.prediction_times.is_some()
        {
            let problem = "is stated, and the labels say when a prediction is made";
            let place = ["source", "prediction_times"];
            let mistake = self.mistake(&place, problem, "for stays without labels");
            self.mistakes.push(
                mistake.help("leave it out, or leave out `labels` and state labels = \"none\""),
            );
        }
    }

    /// Attributes are joined by one key, and their columns have names of their own.
    fn attributes(&mut self, data: &DataConfig) {
        let Some(table) = &data.attributes else {
            return;
        };
        if table.id.is_some() && table.subject.is_some() {
            let mistake = self
                .mistake(
                    &["attributes", "subject"],
                    "is one key, and `id` is another",
                    "or this",
                )
                .and(self.place(&["attributes", "id"]), "this");
            self.mistakes.push(mistake.help("state one of them"));
        }
        for (index, column) in table.columns.iter().enumerate() {
            let problem = match column.as_str() {
                name if STAY_COLUMNS.contains(&name) => "is called like a column of `stays`",
                _ if table.columns[..index].contains(column) => "is named once more",
                _ => continue,
            };
            let index = index.to_string();
            let mistake = self.mistake(&["attributes", "columns", &index], problem, "of no use");
            self.mistakes.push(mistake);
        }
    }

    /// Targets whose settings fit each other, and whose columns of `stays` have names of their own.
    fn targets(&mut self, data: &DataConfig) {
        for (name, table) in &data.targets {
            let is_plain = |name: &str| {
                let of_names = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
                !name.is_empty() && name.chars().all(of_names)
            };
            let problem = match name.as_str() {
                name if STAY_COLUMNS.contains(&name) => "is called like a column of `stays`",
                name if !is_plain(name) => {
                    "has a name of other characters than letters, digits, `_` and `-`"
                }
                _ => "",
            };
            if !problem.is_empty() {
                let mistake = self.mistake(&["targets", name], problem, "another name is needed");
                self.mistakes.push(mistake);
            }
            let unfit = table.key().err();
            let unfit = unfit.map(|(field, what)| (field, what.to_string()));
            for (field, problem) in unfit.into_iter().chain(table.mistakes()) {
                let path = ["targets", name, field];
                let mistake = self.mistake(&path, &problem, "does not fit the others");
                self.mistakes.push(mistake);
            }
        }
    }

    /// Formats and zones that can be read.
    fn times(&mut self, data: &DataConfig) {
        for (setting, what) in data
            .source
            .time()
            .map_or(Vec::new(), |time| time.mistakes())
        {
            let mistake = self.mistake(&["source", "time", setting], &what, "of no use");
            self.mistakes.push(match setting {
                "format" => mistake.help(
                    "in the letters of strptime: \"%m/%d/%Y %H:%M\", with `as = \"timestamp\"`",
                ),
                _ => mistake.help(
                    "\"UTC\", an offset like \"+01:00\", or a name like \"Europe/Berlin\", with `as = \"timestamp\"`",
                ),
            });
        }
    }

    /// Landmarks and matched negatives are two ways to cut stays by the labels of their rows.
    fn cuts(&mut self, data: &DataConfig) {
        let (landmarks, has_row_label) = match &data.source {
            Source::Wide(source) => (&source.landmarks, source.row_label.is_some()),
            Source::Physionet2019(source) => (&source.landmarks, data.labels == Labels::Source),
            _ => return,
        };
        let mistakes = landmarks.as_ref().map_or(Vec::new(), Landmarks::mistakes);
        for (setting, what) in mistakes {
            let path = ["source", "landmarks", setting];
            let mistake = self.mistake(&path, &what, "no such time");
            self.mistakes.push(mistake);
        }
        let matched = data.source.has_matched_negatives();
        let mistake = match (landmarks, matched) {
            (Some(_), true) => self
                .mistake(
                    &["source", "negatives"],
                    "has `landmarks` beside it",
                    "a second way to cut stays",
                )
                .and(self.place(&["source", "landmarks"]), "the first"),
            (Some(_), false) if !has_row_label => self.without_row_label("landmarks", data),
            (None, true) if !has_row_label => self.without_row_label("negatives", data),
            _ => return,
        };
        self.mistakes.push(mistake.help(match data.labels {
            Labels::Source => {
                "row_label names the column of the rows that turns 1; keep one of landmarks and negatives = \"matched\""
            }
            Labels::None => {
                "leave it out: every stay of the source is one then; a stay that is to end earlier is written without its \
                 later rows, and each of several ends of a stay as a stay of its own"
            }
        }));
    }

    /// A way to cut stays by the labels of rows, of which none is read.
    fn without_row_label(&mut self, setting: &str, data: &DataConfig) -> Mistake {
        let problem = match data.labels {
            Labels::Source => "needs `row_label`",
            Labels::None => "cuts stays by the labels of their rows, and no label is read",
        };
        self.mistake(&["source", setting], problem, "of no label")
    }

    /// What is taken from another data stage cannot be stated beside it.
    fn taken_settings(&mut self, data: &DataConfig) {
        let rules = data.cleaning.keys();
        let rules = rules.flat_map(|name| RULE_PARTS.map(|part| vec!["cleaning", name, part]));
        let taken = taken().map(|setting| vec![setting]).chain(rules);
        for path in taken {
            if self.states(&path) {
                let problem = "is taken from another data stage";
                let mistake = self
                    .mistake(&path, problem, "stated a second time")
                    .and(self.place(&["like"]), "from this one")
                    .help("leave it out: a stage of `like` makes the same inputs from another source; only source, cleaning.NAME.missing and cleaning.NAME.factor are its own, because they describe how its source writes values");
                self.mistakes.push(mistake);
            }
        }
    }

    fn embeddings(&mut self, embeddings: &Embeddings, model: Option<&ModelConfig>) {
        if let Embeddings::Text(text) = embeddings
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
        if let Some(model) = model
            && let Some(numbers) = embedding_width(embeddings)
            && numbers != model.input_dim
        {
            let (field, what) = match embeddings {
                Embeddings::Orthonormal(_) => ("orthonormal", "is"),
                Embeddings::Table(_) => ("table", "has embeddings of length"),
                Embeddings::Text(_) => ("text", "gives embeddings of length"),
            };
            let problem = format!(
                "{what} {numbers}, but model.input_dim is {}",
                model.input_dim
            );
            let stated = self.tree.at(&["model", "input_dim"]).is_some();
            let mistake = self.mistake(&["embeddings", field], &problem, "numbers in an embedding");
            self.mistakes.push(if stated {
                let place = self.tree.place(&["model", "input_dim"]);
                let mistake = mistake.and(place, "numbers the model takes");
                match field {
                    "orthonormal" => mistake.help(format!(
                        "set both to {}, or state one and leave the other out: it is taken from there",
                        numbers.max(model.input_dim)
                    )),
                    _ => mistake.help(format!("set model.input_dim = {numbers}")),
                }
            } else {
                mistake.help(format!(
                    "model.input_dim is not stated, and {} without that: set model.input_dim = {numbers}",
                    model.input_dim
                ))
            });
        }
    }
}
