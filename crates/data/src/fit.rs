//! What is learned from the training split: which variables there are, and their statistics.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

use super::assemble::{
    Assembler, Cleaning, Fate, Loss, Losses, Variables, Workspace, no_such_variable,
};
use super::chunks::{chunks_of, in_order};
use super::config::DataConfig;
use super::dataset::Split;
use super::ingest::{Ingested, variable_of_category};
use super::like::Like;
use super::names::quoted;
use super::source::StayRow;
use super::statistics::{Gathering, Moments, Variable, merge_all};
use super::statistics_file;
use pipeline_error::Error;

/// A source that has been read, and what is to be made of it.
pub(super) struct Material<'a> {
    pub(super) config: &'a DataConfig,
    pub(super) ingested: &'a Ingested,
    pub(super) cleaning: &'a Cleaning,
    /// By id, each with its split.
    pub(super) stays: &'a [StayRow],
    pub(super) splits: &'a [Split],
    /// The stage whose inputs these are to be.
    pub(super) like: Option<&'a Like>,
    pub(super) interrupted: &'a AtomicBool,
}

/// The variables of the artifact, and what becomes of those of the source.
pub(super) struct Fitted {
    /// By name.
    pub(super) variables: Vec<Variable>,
    pub(super) of_source: Variables,
}

impl Fitted {
    fn new(variables: Vec<Variable>, fates: Vec<Fate>) -> Self {
        Self {
            of_source: Variables::new(fates, variables.len()),
            variables,
        }
    }
}

impl Material<'_> {
    /// Decides on the variables: by the recipe, then by the statistics file or the training split.
    pub(super) fn fit(&self) -> Result<Fitted, Error> {
        let selected = selected(self.config, &self.ingested.variables)?;
        if let Some(like) = self.like {
            let variables = like.variables();
            let fates =
                (0..selected.fates.len()).map(|index| self.fate(index, &selected, &variables));
            let fates = fates.collect();
            return Ok(Fitted::new(variables, fates));
        }
        let Some(file) = &self.config.statistics else {
            let moments = self.training_moments(&selected)?;
            return self.fit_to_training(&selected, &moments);
        };
        let variables = statistics_file::read(file.path.as_ref())?;
        let rare = match self.config.variables.min_stays {
            0 => vec![false; selected.fates.len()],
            least => {
                let moments = self.training_moments(&selected)?;
                moments
                    .iter()
                    .map(|m| m.stays_learned_from() < least)
                    .collect()
            }
        };
        let fate = |index: usize| match selected.fates[index] {
            Fate::Kept { .. } if rare[index] => Fate::Lost(Loss::Rare),
            _ => self.fate(index, &selected, &variables),
        };
        let fates: Vec<Fate> = (0..selected.fates.len()).map(fate).collect();
        self.check_all_known(&selected, &fates)?;
        Ok(Fitted::new(variables, fates))
    }

    /// What becomes of a variable of the source where the artifact's `variables` are known.
    fn fate(&self, index: usize, selected: &Variables, variables: &[Variable]) -> Fate {
        let name = &self.ingested.variables[index];
        match (
            selected.fates[index],
            variables.binary_search_by(|v| v.name.cmp(name)),
        ) {
            (Fate::Lost(loss), _) => Fate::Lost(loss),
            (_, Err(_)) => Fate::Lost(Loss::Unseen),
            (_, Ok(place)) => Fate::Kept {
                number: place as u32,
                numeric: variables[place].numeric,
            },
        }
    }

    fn fit_to_training(&self, selected: &Variables, moments: &[Moments]) -> Result<Fitted, Error> {
        let (mut variables, mut fates) = (Vec::new(), Vec::new());
        for (index, name) in self.ingested.variables.iter().enumerate() {
            let of_training = Variable::of_training(name, &moments[index])?;
            let rare = moments[index].stays_learned_from() < self.config.variables.min_stays;
            fates.push(match (selected.fates[index], of_training) {
                (Fate::Lost(loss), _) => Fate::Lost(loss),
                (_, None) => Fate::Lost(Loss::Unseen),
                (_, Some(_)) if rare => Fate::Lost(Loss::Rare),
                (_, Some(variable)) => {
                    let numeric = variable.numeric;
                    variables.push(variable);
                    Fate::Kept {
                        number: variables.len() as u32 - 1,
                        numeric,
                    }
                }
            });
        }
        Ok(Fitted::new(variables, fates))
    }

    /// Moments of what the training split has of every variable of the source.
    fn training_moments(&self, selected: &Variables) -> Result<Vec<Moments>, Error> {
        let assembler = Assembler::new(self.config, self.ingested, self.cleaning).without_limits();
        let count = self.ingested.variables.len();
        let mut moments = vec![Moments::default(); count];
        in_order(
            &chunks_of(self.stays, self.ingested),
            self.config.memory.0,
            self.interrupted,
            |stays| {
                let mut gathering = Gathering::new(count);
                let (mut work, mut losses) = (Workspace::default(), Losses::none(count));
                for index in stays.filter(|&index| self.splits[index] == Split::Train) {
                    let stay = &self.stays[index];
                    assembler.assemble(stay, Split::Train, selected, &mut work, &mut losses)?;
                    gathering.next_stay();
                    for event in &work.events {
                        let value = self.cleaning.scored(event.variable, event.value);
                        gathering.add(event.variable, value);
                    }
                }
                Ok(gathering.finish())
            },
            |chunks| {
                chunks
                    .iter()
                    .for_each(|chunk| merge_all(&mut moments, chunk));
                Ok(())
            },
        )?;
        Ok(moments)
    }

    /// Errors, naming every variable that has an event and no statistics in the file.
    fn check_all_known(&self, selected: &Variables, fates: &[Fate]) -> Result<(), Error> {
        let is_unknown = |index: usize| fates[index] == Fate::Lost(Loss::Unseen);
        if !(0..fates.len()).any(is_unknown) {
            return Ok(());
        }
        let assembler = Assembler::new(self.config, self.ingested, self.cleaning);
        let mut work = Workspace::default();
        let mut losses = Losses::none(fates.len());
        let (mut seen, mut first) = (BTreeSet::new(), None);
        for (stay, &split) in self.stays.iter().zip(self.splits) {
            assembler.assemble(stay, split, selected, &mut work, &mut losses)?;
            for event in &work.events {
                if is_unknown(event.variable as usize) {
                    seen.insert(&self.ingested.variables[event.variable as usize]);
                    first.get_or_insert((event.variable as usize, stay));
                }
            }
        }
        let (Some((variable, stay)), Some(file)) = (first, &self.config.statistics) else {
            return Ok(());
        };
        let mut message = format!(
            "{}: no statistics of variable `{}`, which {} has",
            file.path.as_ref().display(),
            self.ingested.variables[variable],
            self.ingested.title(&self.ingested.series[stay.series])
        );
        if seen.len() > 1 {
            message += &format!("; missing in all: {}", quoted(seen));
        }
        Err(Error::stage(message)
            .with_hint("add the variable to the file, or leave `statistics` out to compute them on the training split"))
    }
}

/// What the recipe selects: every variable keeps its number for now. A category goes with the
/// variable whose it is.
fn selected(config: &DataConfig, variables: &[String]) -> Result<Variables, Error> {
    let selection = &config.variables;
    let named = |setting: &str, names: &[String]| {
        let unknown = names
            .iter()
            .find(|name| variables.binary_search(name).is_err());
        match unknown {
            Some(name) => Err(no_such_variable(setting, name, variables)),
            None => Ok(()),
        }
    };
    if config.like.is_none() {
        named("categorical", &config.categorical)?;
    }
    named("variables.drop", &selection.drop)?;
    if let Some(only) = &selection.only {
        named("variables.only", only)?;
    }
    let keeps = |name: &String| {
        let whole = variable_of_category(name, &config.categorical);
        let is_in = |names: &[String]| {
            names.contains(name) || names.iter().any(|name| Some(name.as_str()) == whole)
        };
        selection.only.as_ref().is_none_or(|only| is_in(only)) && !is_in(&selection.drop)
    };
    let fate = |(number, name): (u32, &String)| match keeps(name) {
        true => Fate::Kept {
            number,
            numeric: false,
        },
        false => Fate::Lost(Loss::NotSelected),
    };
    let fates = (0..).zip(variables).map(fate).collect();
    Ok(Variables::new(fates, variables.len()))
}
