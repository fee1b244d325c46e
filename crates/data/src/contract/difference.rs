//! In what the meanings of two models' inputs differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CLEANING, CUT, InputContract, InputVariable};
use pipeline_error::listed::first_of;

/// Names that a line of a message has at most.
const NAMES_IN_LINE: usize = 20;

/// A part of what inputs mean.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum InputField {
    /// Which variables there are.
    Variables,
    /// The embedding of each variable.
    Embeddings,
    /// Mean and standard deviation of each variable, and whether it counts as presence.
    Statistics,
    /// Which variables are categories.
    Categories,
    /// What is done to the values of single variables.
    Cleaning,
    /// Which hours of a stay are read.
    Window,
    /// Which events form a set, and how many of them are kept.
    Sets,
    /// Where z-scores are clipped.
    Clip,
}

impl InputField {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Variables,
        Self::Embeddings,
        Self::Statistics,
        Self::Categories,
        Self::Cleaning,
        Self::Window,
        Self::Sets,
        Self::Clip,
    ];

    /// What it is called in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::Variables => "variables",
            Self::Embeddings => "embeddings",
            Self::Statistics => "statistics",
            Self::Categories => "categories",
            Self::Cleaning => "cleaning",
            Self::Window => "window",
            Self::Sets => "sets",
            Self::Clip => "clip",
        }
    }

    /// The settings of a data stage that say it; those of cleaning have names of their own.
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Variables | Self::Embeddings | Self::Statistics | Self::Cleaning => &[],
            Self::Categories => &["categorical"],
            Self::Window => &["hours", "last_hours", "gap_hours"],
            Self::Sets => &["set_minutes", "max_sets", "max_events", "duplicates"],
            Self::Clip => &["clip"],
        }
    }

    /// The field that a setting of the contract belongs to.
    fn of_setting(name: &str) -> Self {
        let has = |field: &Self| field.settings().contains(&name);
        let field = Self::ALL.into_iter().find(has);
        field.unwrap_or(Self::Cleaning)
    }
}

/// Something that inputs of two meanings have differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The part of the meaning.
    pub field: InputField,
    what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}: {}", self.field.name(), self.what)
    }
}

impl InputContract {
    /// In what `data` are no inputs for weights of this contract; none: they mean the same.
    pub fn differences(&self, data: &Self) -> Vec<Difference> {
        let mut found = self.differing_variables(data);
        let theirs: BTreeMap<&str, usize> = (data.variables.iter().zip(0..))
            .map(|(variable, number)| (variable.name.as_str(), number))
            .collect();
        let both = self.variables.iter().enumerate();
        let both =
            both.filter_map(|(ours, variable)| Some((ours, *theirs.get(variable.name.as_str())?)));
        let both: Vec<(usize, usize)> = both.collect();
        found.extend(self.differing_embeddings(data, &both));
        found.extend(self.differing_statistics(data, &both));
        found.extend(self.differing_settings(data));
        found
    }

    fn differing_variables(&self, data: &Self) -> Vec<Difference> {
        let names = |of: &Self| -> Vec<String> {
            of.variables.iter().map(|one| one.name.clone()).collect()
        };
        let (ours, theirs) = (names(self), names(data));
        if ours == theirs {
            return Vec::new();
        }
        let lacking = |all: &[String], there: &[String]| -> Vec<String> {
            let there: BTreeSet<&String> = there.iter().collect();
            let lacking = all.iter().filter(|name| !there.contains(name));
            lacking.map(|name| format!("`{name}`")).collect()
        };
        let sides = [
            (
                lacking(&ours, &theirs),
                "the weights know, the data do not have",
            ),
            (
                lacking(&theirs, &ours),
                "the data have, the weights do not know",
            ),
        ];
        let lines = sides.into_iter().filter(|(names, _)| !names.is_empty());
        let mut lines: Vec<String> = lines
            .map(|(names, side)| format!("{side} {}", in_a_line(&names)))
            .collect();
        if lines.is_empty() {
            lines.push("they are the same, in another order".into());
        }
        let found = lines
            .into_iter()
            .map(|what| difference(InputField::Variables, what));
        found.collect()
    }

    fn differing_embeddings(&self, data: &Self, both: &[(usize, usize)]) -> Option<Difference> {
        if self.embedding_dim != data.embedding_dim {
            return Some(difference(
                InputField::Embeddings,
                format!(
                    "{} numbers each in the weights, {} in the data",
                    self.embedding_dim, data.embedding_dim
                ),
            ));
        }
        let bits = |numbers: &[f32]| -> Vec<u32> { numbers.iter().map(|n| n.to_bits()).collect() };
        let differ = |&&(ours, theirs): &&(usize, usize)| {
            bits(self.embedding(ours)) != bits(data.embedding(theirs))
        };
        let names = both.iter().filter(differ);
        let names = names.map(|&(ours, _)| format!("`{}`", self.variables[ours].name));
        let names: Vec<String> = names.collect();
        (!names.is_empty()).then(|| {
            let what = format!("other numbers for {}", in_a_line(&names));
            difference(InputField::Embeddings, what)
        })
    }

    fn differing_statistics(&self, data: &Self, both: &[(usize, usize)]) -> Option<Difference> {
        let both = both.iter();
        let both = both.map(|&(ours, theirs)| (&self.variables[ours], &data.variables[theirs]));
        let differ = both.filter(|(ours, theirs)| read_of(ours) != read_of(theirs));
        let names: Vec<String> = differ
            .map(|(ours, theirs)| {
                let [mut here, mut there] = [ours, theirs].map(|one| in_words(one, rounded));
                if here == there {
                    [here, there] =
                        [ours, theirs].map(|one| in_words(one, |number| number.to_string()));
                }
                format!(
                    "`{}` ({here} in the weights, {there} in the data)",
                    ours.name
                )
            })
            .collect();
        (!names.is_empty()).then(|| difference(InputField::Statistics, in_a_line(&names)))
    }

    fn differing_settings(&self, data: &Self) -> Vec<Difference> {
        let names: BTreeSet<&String> = self.settings.keys().chain(data.settings.keys()).collect();
        // Stays may be cut otherwise: weights are pretrained on whole stays, and finetuned on what a label leaves.
        let names = names.into_iter().filter(|name| *name != CUT);
        let differ = names.filter_map(|name| {
            let [ours, theirs] = [self, data].map(|of| of.settings.get(name));
            let said =
                |value: Option<&String>| value.map_or("not stated", String::as_str).to_string();
            let shown = name
                .strip_prefix(CLEANING)
                .map_or(name.clone(), |of| format!("`{of}`"));
            (ours != theirs).then(|| {
                let what = format!(
                    "{shown} is {} in the weights, {} in the data",
                    said(ours),
                    said(theirs)
                );
                difference(InputField::of_setting(name), what)
            })
        });
        differ.collect()
    }
}

fn difference(field: InputField, what: String) -> Difference {
    Difference { field, what }
}

/// What becomes of an event of the variable: mean and standard deviation of what counts as presence are never read, and a
/// bundle leaves them out.
fn read_of(variable: &InputVariable) -> (Option<[f64; 2]>, bool) {
    let numbers = [variable.mean, variable.std];
    let numbers = (!variable.constant).then_some(numbers);
    (numbers, variable.numeric)
}

fn in_words(variable: &InputVariable, number: fn(f64) -> String) -> String {
    let (mean, std) = (number(variable.mean), number(variable.std));
    match (variable.constant, variable.numeric) {
        (false, _) => format!("mean {mean}, std {std}"),
        (true, true) => "presence of a value".into(),
        (true, false) => "presence".into(),
    }
}

/// To six digits: what a reader compares.
fn rounded(number: f64) -> String {
    let text = format!("{number:.5e}");
    text.parse().map_or(text, |number: f64| number.to_string())
}

fn in_a_line(names: &[String]) -> String {
    first_of(names, NAMES_IN_LINE)
}
