//! Errors as people and as programs read them.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode,
};
use serde::Serialize;

use crate::terminal::abridged::{self, Abridged};
use crate::terminal::stderr;
use crate::terminal::style::{Style, Tone};

/// Prints `error` to standard error.
pub fn eprint(error: &dyn Diagnostic, style: Style) {
    stderr::print(&render(error, style));
}

/// `error: …`, the excerpt it points at, `note: …` for other places, `hint: …`; an error made
/// of several gives them all, and at the end the command that prints the pages of their kinds. Of very long words and
/// lines a part is shown.
pub fn render(error: &dyn Diagnostic, style: Style) -> String {
    let mut text = String::new();
    let parts = parts(error);
    let mut names: Vec<String> = vec![];
    for part in &parts {
        if !text.is_empty() {
            text.push('\n');
        }
        let message = one_error(&abridged::message(&part.to_string()));
        text += &format!("{} {message}\n", style.paint(Tone::Bad, "error:"));
        text += &excerpt(*part, style);
        for note in part.related().into_iter().flatten() {
            let said = abridged::message(&note.to_string());
            text += &format!("{} {said}\n", style.paint(Tone::Strong, "note:"));
            text += &excerpt(note, style);
        }
        if let Some(hint) = part.help() {
            text += &format!("{} {hint}\n", style.paint(Tone::Strong, "hint:"));
        }
        let name = part.code().map(|name| name.to_string());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    if !names.is_empty() {
        let space = if parts.len() > 1 { "\n" } else { "" };
        let note = style.paint(Tone::Strong, "note:");
        text += &format!("{space}{note} pipeline help error {}\n", names.join(" "));
    }
    text
}

/// A message whose lines cannot be taken for errors and hints of their own: names in it may have line ends.
fn one_error(message: &str) -> String {
    let words = ["error:", "hint:", "note:"];
    words.iter().fold(message.to_string(), |message, word| {
        message.replace(&format!("\n{word}"), &format!("\n  {word}"))
    })
}

/// One error of a document.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRecord {
    /// What is wrong.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The text file it is in, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in that file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

/// The errors that `error` is made of.
pub fn records(error: &dyn Diagnostic) -> Vec<ErrorRecord> {
    parts(error).into_iter().map(record).collect()
}

/// An error that gathers others stands for them; advice beside an error is a part of it.
fn parts(error: &dyn Diagnostic) -> Vec<&dyn Diagnostic> {
    let parts: Vec<_> = error
        .related()
        .into_iter()
        .flatten()
        .filter(|part| !matches!(part.severity(), Some(Severity::Advice)))
        .flat_map(parts)
        .collect();
    if parts.is_empty() { vec![error] } else { parts }
}

fn record(error: &dyn Diagnostic) -> ErrorRecord {
    let (file, line, column) = match place(error) {
        Some((file, line, column)) => (Some(file), Some(line), Some(column)),
        None => (None, None, None),
    };
    ErrorRecord {
        message: error.to_string(),
        hint: error.help().map(|hint| hint.to_string()),
        file,
        line,
        column,
    }
}

/// File, line and column of what `error` points at.
fn place(error: &dyn Diagnostic) -> Option<(String, usize, usize)> {
    let label = error.labels()?.next()?;
    let contents = error.source_code()?.read_span(label.inner(), 0, 0).ok()?;
    let file = contents.name()?.to_string();
    Some((file, contents.line() + 1, contents.column() + 1))
}

/// The source text that `error` points at; empty where it points at none.
fn excerpt(error: &dyn Diagnostic, style: Style) -> String {
    let Some(excerpt) = Excerpt::of(error) else {
        return String::new();
    };
    // Its colours could not be told from those of the text that it quotes.
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_links(false)
        .without_syntax_highlighting();
    let mut rendered = String::new();
    if handler.render_report(&mut rendered, &excerpt).is_err() {
        return String::new();
    }
    // The first line is the excerpt's own, empty, message.
    let lines = rendered.split_inclusive('\n').skip(1);
    let painted = lines.map(|line| match line.trim_start().starts_with('·') {
        // Below the text: what is meant in it.
        true => style.paint(Tone::Bad, line.trim_end_matches('\n')) + "\n",
        false => line.to_string(),
    });
    painted.collect()
}

/// The pointing half of an error: its message and hint are printed in the house's own form.
#[derive(Debug)]
struct Excerpt<'a> {
    error: &'a dyn Diagnostic,
    /// The text that it points at, if that has long lines.
    abridged: Option<Abridged>,
    labels: Vec<LabeledSpan>,
}

impl<'a> Excerpt<'a> {
    /// `None` where an error points at no text.
    fn of(error: &'a dyn Diagnostic) -> Option<Self> {
        let labels: Vec<LabeledSpan> = error.labels()?.collect();
        let (abridged, labels) = match abridged::source(error.source_code()?, &labels) {
            Some((abridged, labels)) => (Some(abridged), labels),
            None => (None, labels),
        };
        Some(Self {
            error,
            abridged,
            labels,
        })
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, _formatter: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Excerpt<'_> {}

impl Diagnostic for Excerpt<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        match &self.abridged {
            Some(abridged) => Some(abridged),
            None => self.error.source_code(),
        }
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use miette::{NamedSource, SourceSpan};
    use thiserror::Error as ThisError;

    use super::*;
    use pipeline_error::{Code, Error};

    #[derive(Debug, ThisError, Diagnostic)]
    #[error("unknown key `epoch`")]
    struct UnknownKey {
        #[source_code]
        source_code: NamedSource<String>,
        #[label("not a key of a pretrain stage")]
        span: SourceSpan,
        #[help]
        hint: Option<String>,
    }

    #[derive(Debug, ThisError, Diagnostic)]
    #[error("2 errors")]
    struct Several {
        #[related]
        errors: Vec<UnknownKey>,
    }

    #[derive(Debug, ThisError, Diagnostic)]
    #[error("`b` is extended twice")]
    struct Twice {
        #[related]
        elsewhere: Vec<Elsewhere>,
    }

    #[derive(Debug, ThisError, Diagnostic)]
    #[error("in another place")]
    #[diagnostic(severity(Advice))]
    struct Elsewhere;

    fn unknown_key() -> UnknownKey {
        let text = "format = 1\n[stages.pretrain]\nepoch = 2\n";
        UnknownKey {
            source_code: NamedSource::new("r.toml", text.to_string()),
            span: (29, 5).into(),
            hint: Some("did you mean `epochs`?".into()),
        }
    }

    #[test]
    fn an_error_has_its_hint_on_a_line_of_its_own() {
        let error = Error::stage("stay 7: no label").with_hint("add it to outcomes.csv");
        let expected = "error: stay 7: no label\nhint: add it to outcomes.csv\n";
        assert_eq!(render(&error, Style::PLAIN), expected);
    }

    #[test]
    fn an_error_with_a_span_shows_file_line_and_text() {
        let text = render(&unknown_key(), Style::PLAIN);
        assert!(text.starts_with("error: unknown key `epoch`\n"), "{text}");
        assert!(text.contains("r.toml:3:1"), "{text}");
        assert!(text.contains("3 │ epoch = 2"), "{text}");
        assert!(text.contains("not a key of a pretrain stage"), "{text}");
        assert!(text.ends_with("hint: did you mean `epochs`?\n"), "{text}");
    }

    #[test]
    fn an_error_that_gathers_others_shows_each_of_them() {
        let error = Several {
            errors: vec![unknown_key(), unknown_key()],
        };
        let text = render(&error, Style::PLAIN);
        assert_eq!(text.matches("error: unknown key").count(), 2, "{text}");
        assert!(!text.contains("2 errors"), "{text}");
    }

    #[test]
    fn errors_that_have_pages_end_with_the_command_that_prints_them() {
        let error = Error::stage("stay 7: no label").coded(Code::MissingLabel);
        let expected = "error: stay 7: no label\nnote: pipeline help error missing-label\n";
        assert_eq!(render(&error, Style::PLAIN), expected);
    }

    #[test]
    fn advice_beside_an_error_is_a_note() {
        let error = Twice {
            elsewhere: vec![Elsewhere],
        };
        let expected = "error: `b` is extended twice\nnote: in another place\n";
        assert_eq!(render(&error, Style::PLAIN), expected);
        assert_eq!(records(&error).len(), 1);
    }

    #[test]
    fn a_record_carries_the_place() {
        let place = |error: &dyn Diagnostic| {
            let record = records(error).remove(0);
            (record.file, record.line, record.column)
        };
        let known = (Some("r.toml".to_string()), Some(3), Some(1));
        assert_eq!(place(&unknown_key()), known);
        assert_eq!(place(&Error::Interrupted), (None, None, None));
    }
}
