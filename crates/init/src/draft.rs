//! What a look at the data came to, and the recipe that says it.

use serde::Serialize;

use pipeline_error::pasted::toml_string;
use pipeline_shipped::recipe;

/// A setting that the data do not state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// The setting, as a path in the recipe.
    pub setting: String,
    /// Its value, as written.
    pub value: String,
    /// Why, and what else it could be.
    pub why: String,
}

/// A line of a table of the recipe.
#[derive(Clone, Debug)]
struct Setting {
    key: String,
    value: String,
    why: Option<String>,
}

/// Which table of the recipe a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// `[stages.events]`
    Events,
    /// `[stages.events.source]`
    Source,
}

/// A recipe for data of a layout that was recognised.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The name of the layout, as `source.format` has it.
    pub format: &'static str,
    events: Vec<Setting>,
    source: Vec<Setting>,
    /// Further tables, as TOML.
    tables: String,
    /// Whether stays have labels: without, there is nothing to finetune and to score.
    pub is_labelled: bool,
    /// Columns that look like labels and are none, and why.
    rejected: Vec<String>,
    /// The length of the embeddings, and why, if it was guessed.
    input_dim: Option<(usize, Option<String>)>,
    /// How many classes labels have, if more than the two that a model has by itself.
    classes: Option<usize>,
    /// What was seen and left alone.
    pub notes: Vec<String>,
}

impl Draft {
    pub(crate) fn new(format: &'static str) -> Self {
        let mut draft = Self {
            format,
            events: Vec::new(),
            source: Vec::new(),
            tables: String::new(),
            is_labelled: false,
            rejected: Vec::new(),
            input_dim: None,
            classes: None,
            notes: Vec::new(),
        };
        draft.state(Place::Source, "format", toml_string(format));
        draft
    }

    /// A setting that the data state.
    pub(crate) fn state(&mut self, place: Place, key: &str, value: impl Into<String>) {
        self.set(place, key, value.into(), None);
    }

    /// A setting that was guessed.
    pub(crate) fn guess(
        &mut self,
        place: Place,
        key: &str,
        value: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.set(place, key, value.into(), Some(why.into()));
    }

    fn set(&mut self, place: Place, key: &str, value: String, why: Option<String>) {
        let setting = Setting {
            key: key.into(),
            value,
            why,
        };
        match place {
            Place::Events => self.events.push(setting),
            Place::Source => self.source.push(setting),
        }
    }

    pub(crate) fn add_table(&mut self, toml: &str) {
        self.tables.push('\n');
        self.tables.push_str(toml);
    }

    /// Embeddings that the data bring have so many numbers.
    pub(crate) fn embeds(&mut self, width: usize) {
        self.input_dim = Some((width, None));
    }

    /// So many variables were seen: embeddings that are orthogonal to each other need as many numbers, and there may be
    /// more to come.
    pub(crate) fn saw_variables(&mut self, count: usize) {
        if self.input_dim.is_none() {
            let width = (count + count / 8).next_power_of_two().max(64);
            let why = format!("{count} variables were seen, and it must be no less than there are");
            self.input_dim = Some((width, Some(why)));
        }
    }

    /// Labels are so many classes.
    pub(crate) fn has_classes(&mut self, classes: Option<usize>) {
        self.classes = classes.filter(|classes| *classes > 2);
    }

    /// Ids are compared by value: one is spelled in two ways.
    pub(crate) fn compare_ids_as_numbers(&mut self, one: &str, other: &str) {
        if !self.source.iter().any(|setting| setting.key == "ids") {
            let why = format!("`{one}` and `{other}` spell one number, and are one id");
            self.guess(Place::Source, "ids", "\"number\"", why);
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// No labels were found, but for these, which cannot be read as such.
    pub(crate) fn no_labels(&mut self, rejected: Vec<String>) {
        for one in &rejected {
            self.note(format!("no label: {one}"));
        }
        self.rejected = rejected;
    }

    /// Everything that was guessed, in the order of the recipe.
    pub fn guesses(&self) -> Vec<Guess> {
        let of = |settings: &[Setting], table: &str| -> Vec<Guess> {
            let guessed = settings.iter().filter_map(|setting| {
                Some(Guess {
                    setting: format!("{table}.{}", setting.key),
                    value: setting.value.clone(),
                    why: setting.why.clone()?,
                })
            });
            guessed.collect()
        };
        let width = self.input_dim.iter().filter_map(|(width, why)| {
            Some(Guess {
                setting: "model.input_dim".into(),
                value: width.to_string(),
                why: why.clone()?,
            })
        });
        let mut guesses: Vec<Guess> = width.collect();
        guesses.extend(of(&self.events, "stages.events"));
        guesses.extend(of(&self.source, "stages.events.source"));
        guesses
    }

    /// The table of the source alone, as a recipe has it that names the data with `root` before it.
    pub(crate) fn source(&self, root: &str) -> String {
        let table = format!("[stages.events.source]\n{}", lines(&self.source));
        table.replace("${vars.root}", root)
    }

    /// The recipe. `root` is where the data are, relative to the recipe.
    pub fn recipe(&self, name: &str, root: &str) -> String {
        let (model, after) = main_job();
        let model = match &self.input_dim {
            Some((width, why)) => {
                let why = why.iter().map(|why| format!("# guess: {why}\n"));
                let line = why.collect::<String>() + &format!("input_dim = {width}\n");
                model.replace("input_dim = 32\n", &line)
            }
            None => model.to_string(),
        };
        let model = match self.classes {
            Some(classes) => model.replace(
                "\nfusion = ",
                &format!("\nnum_classes = {classes}\nfusion = "),
            ),
            None => model,
        };
        let labels = match self.is_labelled {
            true => String::new(),
            false => {
                let found = match self.rejected.is_empty() {
                    true => "# No labels were found.".to_string(),
                    false => format!("# No labels were taken: {}.\n#", self.rejected.join("; ")),
                };
                format!(
                    "{found} With some, `source` says where they are, and the stages after pretraining of\n\
                     # `pipeline init --template synthetic` learn and score them.\n\
                     labels = \"none\"\n"
                )
            }
        };
        // The baseline is one of two classes.
        let of_two = |line: &&str| self.classes.is_some() && line.starts_with("baseline = ");
        let after = after.split_inclusive('\n').filter(|line| !of_two(line));
        let after: String = after.collect();
        let after = after.as_str();
        let stages = match self.is_labelled {
            true => after,
            false => after.split("\n[stages.weights]").next().unwrap_or(after),
        };
        let (events, source) = (lines(&self.events), lines(&self.source));
        let (root, name, tables) = (toml_string(root), toml_string(name), &self.tables);
        format!(
            "# Written by `pipeline init`, which looked at the begins of the files. A line `# guess:` says of the setting\n\
             # below it that the data do not state it: look at each.\n\
             #\n\
             #   pipeline check recipe.toml\n\
             #   pipeline run recipe.toml\n\
             format = 1\n\
             name = {name}\n\
             seed = 2012\n\
             \n\
             [vars]\n\
             root = {root}\n\
             \n\
             {model}\
             [stages.events]\n\
             kind = \"data\"\n\
             {labels}{events}\
             \n\
             [stages.events.source]\n\
             {source}\
             {tables}\n\
             {stages}"
        )
    }
}

/// The main job without its data: the model, and the stages after the data.
fn main_job() -> (&'static str, &'static str) {
    let text = recipe("finetune").map_or("", |recipe| recipe.text);
    let from = |begin: &str| &text[text.find(begin).unwrap_or_default()..];
    let model = from("[model]");
    let end = model.find("[stages.events]").unwrap_or(model.len());
    (&model[..end], from("[stages.pretrain]"))
}

fn lines(settings: &[Setting]) -> String {
    let mut lines = String::new();
    for Setting { key, value, why } in settings {
        if let Some(why) = why {
            lines += &format!("# guess: {why}\n");
        }
        lines += &format!("{key} = {value}\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_job_has_a_model_and_stages() {
        let (model, after) = main_job();
        assert!(model.starts_with("[model]") && model.contains("\ninput_dim = 32\n"));
        assert!(model.contains("[model.classifier]") && !model.contains("[stages"));
        assert_eq!(model.matches("\nfusion = ").count(), 1);
        assert!(after.starts_with("[stages.pretrain]") && after.contains("[stages.test]"));
    }

    #[test]
    fn a_guess_is_marked_and_listed() {
        let mut draft = Draft::new("meds");
        draft.guess(Place::Events, "hours", "48", "two days");
        let recipe = draft.recipe("x", "data");
        assert!(
            recipe.contains("\n# guess: two days\nhours = 48\n"),
            "{recipe}"
        );
        assert!(recipe.contains("[stages.events.source]\nformat = \"meds\"\n"));
        assert!(
            !recipe.contains("[stages.classifier]"),
            "nothing is labelled"
        );
        let guesses = draft.guesses();
        assert_eq!(guesses[0].setting, "stages.events.hours");
    }

    #[test]
    fn three_classes_are_stated_and_have_no_baseline_of_two() {
        let mut draft = Draft::new("meds");
        draft.is_labelled = true;
        let recipe = draft.recipe("x", "data");
        assert!(recipe.contains("\nbaseline = ") && !recipe.contains("num_classes"));
        draft.has_classes(Some(3));
        let recipe = draft.recipe("x", "data");
        assert!(!recipe.contains("baseline"), "{recipe}");
        let recipe: toml::Table = recipe.parse().unwrap();
        let classes = &recipe["model"]["classifier"]["num_classes"];
        assert_eq!(classes.as_integer(), Some(3));
    }
}
