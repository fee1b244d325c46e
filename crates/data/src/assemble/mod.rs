//! From the raw events of a series to the events of a stay: window, cleaning, order, sets.

mod cleaning;
mod loss;
mod order;
mod window;

pub(super) use cleaning::{Cleaning, no_such_variable};
pub(super) use loss::{Loss, Losses, Outside};

use super::config::DataConfig;
use super::dataset::Split;
use super::ingest::{Ingested, RawEvent, STATIC};
use super::source::StayRow;
use order::Order;
pub(crate) use order::bucket;
use pipeline_error::Error;
use window::Window;

/// What becomes of a variable of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is this variable of the artifact. Where `numeric`, its events must have values.
    Kept { number: u32, numeric: bool },
    /// All its events are left out, for this reason.
    Lost(Loss),
}

/// The variables of the source, and what becomes of each.
pub(super) struct Variables {
    /// By variable of the source.
    pub(super) fates: Vec<Fate>,
    /// The source's number of every variable that is kept.
    pub(super) sources: Vec<u32>,
}

impl Variables {
    /// Of this many variables kept.
    pub(super) fn new(fates: Vec<Fate>, kept: usize) -> Self {
        let mut sources = vec![0; kept];
        for (source, fate) in (0..).zip(&fates) {
            if let Fate::Kept { number, .. } = fate {
                sources[*number as usize] = source;
            }
        }
        Self { fates, sources }
    }
}

/// Room to work in, for one thread.
#[derive(Default)]
pub(super) struct Workspace {
    bytes: Vec<u8>,
    /// The events of the stay assembled last: time since its start, set counted from 0, variable
    /// of the artifact. Sorted by set and variable.
    pub(super) events: Vec<RawEvent>,
}

/// Makes stays of series.
pub(super) struct Assembler<'a> {
    ingested: &'a Ingested,
    window: Window,
    cleaning: &'a Cleaning,
    order: Order,
}

impl<'a> Assembler<'a> {
    /// By the settings of `config`, which have been checked.
    pub(super) fn new(config: &DataConfig, ingested: &'a Ingested, cleaning: &'a Cleaning) -> Self {
        Self {
            ingested,
            window: Window::new(config),
            cleaning,
            order: Order::new(config),
        }
    }

    /// The same, but stays keep their oldest sets however many they have: statistics are taken
    /// of all events in the window.
    pub(super) fn without_limits(mut self) -> Self {
        self.order = self.order.without_limits();
        self
    }

    /// Puts the events of `stay` into the workspace, and counts what was left out.
    pub(super) fn assemble(
        &self,
        stay: &StayRow,
        split: Split,
        variables: &Variables,
        work: &mut Workspace,
        losses: &mut Losses,
    ) -> Result<(), Error> {
        let Variables { fates, sources } = variables;
        let series = &self.ingested.series[stay.series];
        (self.ingested).load(series, &mut work.bytes, &mut work.events)?;
        let span = (self.window.of(stay, &work.events)).ok_or_else(|| {
            let title = self.ingested.title(series);
            Error::stage(format!(
                "{title}: its times are more than 292,000 years apart, which is further than minutes are counted"
            ))
            .with_hint("a mark for a time that is not known is no time: take such rows out of what is read")
        })?;
        losses.see(
            split,
            work.events.iter().filter(|event| event.time != STATIC),
        );
        let mut failed = None;
        work.events.retain_mut(|event| {
            let source = event.variable;
            match self.fate_of(event, &span, fates) {
                Ok(clipped) => {
                    if clipped {
                        losses.add(split, source, Loss::ClippedToRange);
                    }
                    if !(event.value.is_finite() || event.value.is_nan()) {
                        failed = Some(source);
                    }
                    true
                }
                Err(loss) => {
                    losses.add(split, source, loss);
                    false
                }
            }
        });
        if let Some(variable) = failed {
            return Err(Error::stage(format!(
                "{}: a value of `{}` is not finite once it is in the recipe's unit",
                self.ingested.title(series),
                self.ingested.variables[variable as usize]
            )));
        }
        let mut lost = |event: &RawEvent, loss| {
            losses.add(split, sources[event.variable as usize], loss);
        };
        self.order
            .arrange(&mut work.events, series.has_set_index, &mut lost)
            .map_err(|problem| problem.of(&self.ingested.title(series)))
    }

    /// Moves an event to the stay's clock, unit and variables; true if its value was clipped.
    fn fate_of(
        &self,
        event: &mut RawEvent,
        span: &window::Span,
        fates: &[Fate],
    ) -> Result<bool, Loss> {
        // The window first: what lies outside of it is not in the artifact for that reason, whatever else
        // would have left it out. That training shows a variable nowhere may well be for that reason, or for
        // what cleaning leaves out.
        event.time = span.place(event.time)?;
        let fate = fates[event.variable as usize];
        if fate == Fate::Lost(Loss::NotSelected) {
            return Err(Loss::NotSelected);
        }
        let (value, clipped) = self.cleaning.clean(event.variable, event.value)?;
        let (number, numeric) = match fate {
            Fate::Kept { number, numeric } => (number, numeric),
            Fate::Lost(loss) => return Err(loss),
        };
        if numeric && value.is_nan() {
            return Err(Loss::NoValue);
        }
        (event.value, event.variable) = (value, number);
        Ok(clipped)
    }
}
