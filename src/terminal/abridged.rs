//! Errors with very long words and lines, as a terminal shows them: in part, with the count of what is left out.
//!
//! Nothing is cut in the documents that programs read.

use std::ops::Range;

use miette::{
    LabeledSpan, MietteError, MietteSpanContents, NamedSource, SourceCode, SourceSpan, SpanContents,
};

/// Characters of a quoted value, and of a word without blanks, that are shown whole.
const LONGEST_QUOTED: usize = 200;
const LONGEST_WORD: usize = 400;
/// Characters of a line of a file that are shown whole.
const LONGEST_LINE: usize = 200;
/// What is kept of longer ones: at the begin, at the end, and around both ends of what is meant.
const HEAD: usize = 100;
const TAIL: usize = 30;
const AROUND: usize = 50;

/// A message whose quoted values and words are of bounded length.
pub fn message(text: &str) -> String {
    let mut quoted = false;
    let parts = text.split('`').map(|part| {
        let shown = match quoted {
            true => piece(part, LONGEST_QUOTED),
            false => words(part),
        };
        quoted = !quoted;
        shown
    });
    parts.collect::<Vec<_>>().join("`")
}

fn words(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace);
    words.map(|word| piece(word, LONGEST_WORD)).collect()
}

fn piece(text: &str, longest: usize) -> String {
    match text.len() > longest {
        true => Line::of(text, longest, &[]).text,
        false => text.into(),
    }
}

/// A file whose long lines are shortened. It tells the columns of the file as it is.
#[derive(Debug)]
pub struct Abridged {
    source: NamedSource<String>,
    /// Where labels begin in the text that is shown, and their columns in the file, from 0.
    columns: Vec<(usize, usize)>,
}

impl SourceCode for Abridged {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let contents = self.source.read_span(span, before, after)?;
        let mut columns = self.columns.iter();
        let column = columns.find(|(at, _)| (before, after) == (0, 0) && *at == span.offset());
        let Some((_, column)) = column else {
            return Ok(contents);
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.source.name().to_string(),
            contents.data(),
            *contents.span(),
            contents.line(),
            *column,
            contents.line_count(),
        )))
    }
}

/// The file that labels are in with its long lines shortened, and the labels as they are in it; `None` if no line
/// is long.
pub fn source(
    whole: &dyn SourceCode,
    labels: &[LabeledSpan],
) -> Option<(Abridged, Vec<LabeledSpan>)> {
    let contents = whole.read_span(&(0, 0).into(), 0, usize::MAX).ok()?;
    let text = std::str::from_utf8(contents.data()).ok()?;
    if text.lines().all(|line| line.len() <= LONGEST_LINE) {
        return None;
    }
    let mut shortened = String::with_capacity(text.len());
    let mut moved: Vec<Range<usize>> = labels.iter().map(range).collect();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let here = start..start + line.len();
        let line = Line::of(line, LONGEST_LINE, &ends_within(labels, &here));
        for (label, moved) in labels.iter().map(range).zip(&mut moved) {
            if here.contains(&label.start) {
                moved.start = shortened.len() + line.place_of(label.start - start, false);
            }
            if here.contains(&label.end) || label.end == here.end {
                moved.end = shortened.len() + line.place_of(label.end - start, true);
            }
        }
        shortened += &line.text;
        start = here.end;
    }
    let column = |(label, moved): (&LabeledSpan, &Range<usize>)| {
        let contents = whole.read_span(label.inner(), 0, 0).ok()?;
        Some((moved.start, contents.column()))
    };
    let abridged = Abridged {
        columns: labels.iter().zip(&moved).filter_map(column).collect(),
        source: NamedSource::new(contents.name()?, shortened),
    };
    let labels = labels.iter().zip(moved).map(|(label, moved)| {
        let span = (moved.start, moved.end.saturating_sub(moved.start));
        let text = label.label().map(str::to_string);
        match label.primary() {
            true => LabeledSpan::new_primary_with_span(text, span),
            false => LabeledSpan::new_with_span(text, span),
        }
    });
    Some((abridged, labels.collect()))
}

fn range(label: &LabeledSpan) -> Range<usize> {
    label.offset()..label.offset() + label.len()
}

/// Where labels begin and end in a line, counted from its begin.
fn ends_within(labels: &[LabeledSpan], line: &Range<usize>) -> Vec<usize> {
    let ends = labels
        .iter()
        .flat_map(|label| [label.offset(), label.offset() + label.len()]);
    ends.filter(|end| line.contains(end))
        .map(|end| end - line.start)
        .collect()
}

/// A line with the pieces of it that are shown.
struct Line {
    text: String,
    /// Bytes of the line that is shown, and where they stand now.
    kept: Vec<(Range<usize>, usize)>,
}

impl Line {
    /// All of a line that has at most `longest` characters; of others the begin, the end, and what is `meant`.
    fn of(line: &str, longest: usize, meant: &[usize]) -> Self {
        let places: Vec<usize> = line.char_indices().map(|(at, _)| at).collect();
        let count = places.len();
        let byte = |at: usize| places.get(at).copied().unwrap_or(line.len());
        let mut ranges = Vec::new();
        if count <= longest {
            ranges.push(0..count);
        } else {
            ranges.extend([0..HEAD, count - TAIL..count]);
            ranges.extend(meant.iter().map(|&end| {
                let at = places.partition_point(|&place| place < end);
                at.saturating_sub(AROUND)..(at + AROUND).min(count)
            }));
            ranges.sort_by_key(|range| range.start);
        }
        let (mut text, mut kept, mut shown) = (String::new(), Vec::new(), 0);
        for range in ranges {
            // A gap no longer than the note of it is shown.
            let from = match range.start.saturating_sub(shown) {
                0..AROUND => shown,
                left_out => {
                    text += &format!("… ({left_out} characters left out) …");
                    range.start
                }
            };
            if range.end > from {
                let bytes = byte(from)..byte(range.end);
                kept.push((bytes.clone(), text.len()));
                text += &line[bytes];
                shown = range.end;
            }
        }
        Self { text, kept }
    }

    /// Where a byte of the line is now; the end of what is meant, if it is not shown, before what is.
    fn place_of(&self, byte: usize, is_end: bool) -> usize {
        let inside = |(bytes, _): &&(Range<usize>, usize)| match is_end {
            true => bytes.start < byte && byte <= bytes.end,
            false => bytes.contains(&byte),
        };
        let found = self.kept.iter().find(inside);
        found.map_or(0, |(bytes, at)| at + byte - bytes.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_and_values_are_cut_with_their_counts_and_no_others() {
        let usual = "stay 7: `a b` is none of `c`, `d`; it has a, b, c ".repeat(20);
        assert_eq!(message(&usual), usual);
        let value = format!("`{}` is `{}`", "é".repeat(1000), "short");
        let expected = format!(
            "`{}… (870 characters left out) …{}` is `short`",
            "é".repeat(100),
            "é".repeat(30)
        );
        assert_eq!(message(&value), expected);
        let word = format!("{}: cannot be read", "x".repeat(5000));
        let cut = message(&word);
        assert!(cut.contains("x… (4872 characters left out) …x"), "{cut}");
        assert!(cut.ends_with("x: cannot be read"), "{cut}");
    }

    #[test]
    fn labels_stay_where_they_are_meant() {
        let text = format!(
            "a = 1\nb = \"{}\", c = 7{}\n",
            "x".repeat(5000),
            " ".repeat(900)
        );
        let at = text.find("c = 7").unwrap();
        let value = text.find('"').unwrap();
        let label = |at, length| LabeledSpan::new(Some("here".into()), at, length);
        let labels = [label(at, 5), label(value, 5002), label(0, 5)];
        let named = |text: &str| NamedSource::new("r.toml", text.to_string());
        let (abridged, moved) = super::source(&named(&text), &labels).unwrap();
        let shown = abridged.source.inner();
        assert!(shown.len() < 600, "{shown}");
        let meant = |label: &LabeledSpan| &shown[label.offset()..label.offset() + label.len()];
        assert_eq!(meant(&moved[0]), "c = 7");
        assert!(meant(&moved[1]).starts_with("\"xxx"));
        assert!(meant(&moved[1]).ends_with("xxx\""));
        assert_eq!(meant(&moved[2]), "a = 1");
        let column = abridged.read_span(moved[0].inner(), 0, 0).unwrap().column();
        assert_eq!(column, at - "a = 1\n".len());
        assert!(super::source(&named("a = 1\n"), &labels[2..]).is_none());
    }
}
