//! What is wrong with a recipe, and how it is shown.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use super::source::{Origin, Sources};
use pipeline_error::Code;

/// One thing that is wrong, with every place that has to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    message: String,
    labels: Vec<(Origin, String)>,
    help: Option<String>,
    code: Option<Code>,
}

impl Mistake {
    /// A mistake at a place, and what to write below the place.
    pub fn new(message: impl Into<String>, origin: Origin, label: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            labels: vec![(origin, label.into())],
            help: None,
            code: None,
        }
    }

    /// Its kind, where that has a page.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// A further place that has to do with it.
    #[must_use]
    pub fn and(mut self, origin: Origin, label: impl Into<String>) -> Self {
        self.labels.push((origin, label.into()));
        self
    }

    fn place(&self) -> Option<Origin> {
        self.labels.first().map(|(origin, _)| *origin)
    }

    /// What to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// Nobody reads further, and each may quote a long line.
const MOST_SHOWN: usize = 100;

/// Everything that is wrong with a recipe: never empty.
#[derive(Debug)]
pub struct RecipeErrors {
    recipe: String,
    count: usize,
    /// The first ones, and how many more there are.
    mistakes: Vec<MistakeReport>,
}

impl RecipeErrors {
    /// The mistakes of a recipe, in the order of their places, each with its excerpt.
    pub fn new(recipe: String, mut mistakes: Vec<Mistake>, sources: &Sources) -> Self {
        mistakes.sort_by_key(Mistake::place);
        // Variants of one recipe share most of theirs.
        let mut told: Vec<Mistake> = Vec::with_capacity(mistakes.len());
        for mistake in mistakes {
            let place = mistake.place();
            let here = told.iter().rev().take_while(|one| one.place() == place);
            if !here.into_iter().any(|one| *one == mistake) {
                told.push(mistake);
            }
        }
        let mistakes = told;
        let count = mistakes.len();
        let mut reports: Vec<_> = mistakes
            .into_iter()
            .take(MOST_SHOWN)
            .map(|mistake| MistakeReport::new(mistake, sources))
            .collect();
        if count > MOST_SHOWN {
            reports.push(MistakeReport::of_more(count - MOST_SHOWN));
        }
        Self {
            recipe,
            count,
            mistakes: reports,
        }
    }
}

impl fmt::Display for RecipeErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self.count {
            1 => write!(formatter, "{}: 1 mistake", self.recipe),
            many => write!(formatter, "{}: {many} mistakes", self.recipe),
        }
    }
}

impl std::error::Error for RecipeErrors {}

impl Diagnostic for RecipeErrors {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.mistakes.iter().map(|one| one as &dyn Diagnostic),
        ))
    }
}

/// A mistake with the text it is in. Places in other texts become notes of their own, since a
/// diagnostic shows one text only.
#[derive(Debug)]
struct MistakeReport {
    message: String,
    text: Option<NamedSource<std::sync::Arc<str>>>,
    labels: Vec<LabeledSpan>,
    help: Option<String>,
    elsewhere: Vec<MistakeReport>,
    severity: Severity,
    code: Option<Code>,
}

impl MistakeReport {
    fn of_more(count: usize) -> Self {
        Self {
            message: format!("{count} more mistakes, which are not shown"),
            text: None,
            labels: Vec::new(),
            help: Some("mend these first".into()),
            elsewhere: Vec::new(),
            severity: Severity::Error,
            code: None,
        }
    }

    fn new(mistake: Mistake, sources: &Sources) -> Self {
        let home = mistake.labels.first().map(|(origin, _)| origin.source);
        let mut labels = Vec::new();
        let mut elsewhere = Vec::new();
        for (index, (origin, label)) in mistake.labels.into_iter().enumerate() {
            let shown = sources.first_line(origin);
            let span = (shown.start, shown.end - shown.start);
            if Some(origin.source) == home {
                labels.push(if index == 0 {
                    LabeledSpan::new_primary_with_span(Some(label), span)
                } else {
                    LabeledSpan::new_with_span(Some(label), span)
                });
            } else {
                elsewhere.push(Self {
                    message: "the other place".into(),
                    text: Some(named(sources, origin.source)),
                    labels: vec![LabeledSpan::new_primary_with_span(Some(label), span)],
                    help: None,
                    elsewhere: Vec::new(),
                    severity: Severity::Advice,
                    code: None,
                });
            }
        }
        Self {
            message: mistake.message,
            text: home.map(|source| named(sources, source)),
            labels,
            help: mistake.help,
            elsewhere,
            severity: Severity::Error,
            code: mistake.code,
        }
    }
}

fn named(sources: &Sources, source: usize) -> NamedSource<std::sync::Arc<str>> {
    let source = sources.get(source);
    NamedSource::new(&source.name, source.text.clone())
}

impl fmt::Display for MistakeReport {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for MistakeReport {}

impl Diagnostic for MistakeReport {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code?.name()))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.as_ref().map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.elsewhere.is_empty() {
            return None;
        }
        Some(Box::new(
            self.elsewhere.iter().map(|one| one as &dyn Diagnostic),
        ))
    }
}
