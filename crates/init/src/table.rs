//! A table by its begin, and what its columns look like.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::names::{self, rank};
use pipeline_data::dataset::Split;
use pipeline_data::preview::{CellKind, Preview};

/// Words that say that there is no number.
const MISSING: [&str; 8] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// One file, or many of one layout in one folder.
#[derive(Clone, Debug)]
pub struct Table {
    /// The folder that its files lie in, below the root; the root itself is empty.
    pub folder: String,
    /// The ending of its files.
    pub ending: String,
    /// Its files, below the root.
    pub files: Vec<String>,
    /// Names of the columns.
    pub columns: Vec<String>,
    kinds: Vec<CellKind>,
    /// The first rows of the files that were looked at.
    pub rows: Vec<Vec<String>>,
    /// Rows of each file that was looked at.
    rows_of_files: Vec<usize>,
    /// What separates fields, where the ending does not say it.
    pub delimiter: Option<char>,
    /// Whether all rows of all files were looked at.
    pub is_whole: bool,
    /// Whether all files of this ending in the folder are of this layout.
    pub is_all_of_folder: bool,
    /// The index of pandas that is no column of the file.
    pub range_index: Option<String>,
}

/// What a column's texts look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing but missing values.
    Empty,
    /// Numbers.
    Number,
    /// A date and time as `2150-01-31 14:05:00`, or that type of Parquet.
    Timestamp,
    /// A date and time with slashes, or with points, the day first.
    SlashDate,
    /// `26:30`, `1 days 02:30:00`, or that type of Parquet.
    Duration,
    /// A time of day of Parquet, which a run does not read.
    TimeOfDay,
    /// Everything else.
    Text,
}

impl Table {
    /// None where a path is no UTF-8: a recipe cannot name it.
    pub fn new(
        root: &Path,
        ending: &str,
        files: Vec<PathBuf>,
        previews: Vec<Preview>,
        is_all_of_folder: bool,
    ) -> Option<Self> {
        let below = |path: &Path| -> Option<String> {
            Some(path.strip_prefix(root).ok()?.to_str()?.to_string())
        };
        let first = previews.first()?;
        let is_whole = previews.len() == files.len() && previews.iter().all(|one| one.is_whole);
        let files: Vec<String> = files.iter().filter_map(|path| below(path)).collect();
        let folder = Path::new(files.first()?).parent()?.to_str()?.to_string();
        Some(Self {
            folder,
            ending: ending.into(),
            columns: first
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
            kinds: first.columns.iter().map(|column| column.kind).collect(),
            delimiter: first.delimiter,
            range_index: first.range_index.clone(),
            rows_of_files: previews.iter().map(|one| one.rows.len()).collect(),
            rows: previews.into_iter().flat_map(|one| one.rows).collect(),
            files,
            is_whole,
            is_all_of_folder,
        })
    }

    /// Its one file, or the folder of the many.
    pub fn place(&self) -> &str {
        match &self.files[..] {
            [only] => only,
            _ => &self.folder,
        }
    }

    /// The names of its files without folder and ending.
    pub fn stems(&self) -> impl Iterator<Item = &str> {
        let ending = self.ending.len() + 1;
        self.files.iter().filter_map(move |file| {
            let name = file.rsplit('/').next()?;
            name.get(..name.len().checked_sub(ending)?)
        })
    }

    /// Whether its cells are texts; those of Parquet may be numbers or dates.
    pub fn is_of_texts(&self, column: usize) -> bool {
        self.kinds[column] == CellKind::Text
    }

    pub fn has(&self, columns: &[&str]) -> bool {
        let here = |wanted: &&str| self.columns.iter().any(|name| name == wanted);
        columns.iter().all(here)
    }

    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// The columns that are called as one of the list, the likeliest first.
    pub fn called(&self, list: &[&str]) -> Vec<usize> {
        let ranked =
            (0..self.columns.len()).filter_map(|at| Some((rank(&self.columns[at], list)?, at)));
        let mut ranked: Vec<(usize, usize)> = ranked.collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(_, at)| at).collect()
    }

    /// The texts of a column that say something.
    pub fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        let texts = self.rows.iter().filter_map(move |row| row.get(column));
        texts.map(String::as_str).filter(|text| !is_missing(text))
    }

    pub fn look(&self, column: usize) -> Look {
        match self.kinds[column] {
            CellKind::Number | CellKind::Boolean => return Look::Number,
            CellKind::Timestamp => return Look::Timestamp,
            CellKind::Duration => return Look::Duration,
            CellKind::TimeOfDay => return Look::TimeOfDay,
            CellKind::Text => {}
        }
        let mut looks = self.cells(column).map(look_of);
        let Some(first) = looks.next() else {
            return Look::Empty;
        };
        match looks.all(|look| look == first) {
            true => first,
            false => Look::Text,
        }
    }

    /// Two texts of a column of times that are written in several ways.
    pub fn times_of_two_forms(&self, column: usize) -> Option<(&str, &str)> {
        let is_time = |text: &&str| !matches!(look_of(text), Look::Text | Look::Number);
        let first = self.cells(column).next()?;
        let other = |text: &&str| look_of(text) != look_of(first);
        let other = self.cells(column).find(other)?;
        (self.is_of_texts(column) && self.cells(column).all(|text| is_time(&text)))
            .then_some((first, other))
    }

    /// The least of a column of numbers.
    pub fn least(&self, column: usize) -> Option<f64> {
        let numbers = self.cells(column).filter_map(|text| text.parse().ok());
        numbers.reduce(f64::min)
    }

    /// Whether a column holds 0 and 1, or true and false, both of them or one.
    pub fn is_binary(&self, column: usize) -> bool {
        let of_class = |text: &str| {
            let text = text.strip_suffix(".0").unwrap_or(text);
            matches!(text, "0" | "1")
                || text.eq_ignore_ascii_case("true")
                || text.eq_ignore_ascii_case("false")
        };
        let mut cells = self.cells(column).peekable();
        cells.peek().is_some() && cells.all(of_class)
    }

    /// Whether a column holds classes 0, 1, …, and how many.
    pub fn classes(&self, column: usize) -> Option<usize> {
        if self.is_binary(column) {
            return Some(2);
        }
        let class = |text: &str| {
            text.strip_suffix(".0")
                .unwrap_or(text)
                .parse::<usize>()
                .ok()
        };
        let classes: Option<BTreeSet<usize>> = self.cells(column).map(class).collect();
        let most = *classes?.last()?;
        (most < 1000).then_some(most + 1)
    }

    /// Whether every cell of a column names a split.
    pub fn tells_splits(&self, column: usize) -> bool {
        let mut cells = self.cells(column).peekable();
        cells.peek().is_some() && cells.all(|text| Split::from_name(text).is_some())
    }

    /// Whether no two rows have the same text there, and every row has one.
    pub fn is_unique(&self, column: usize) -> bool {
        let cells: BTreeSet<&str> = self.cells(column).collect();
        !cells.is_empty() && cells.len() == self.rows.len()
    }

    /// Whether no two rows of one file have the same text there, and every row has one.
    pub fn is_unique_in_files(&self, column: usize) -> bool {
        let mut seen = BTreeSet::new();
        let mut rows = self.rows.iter().enumerate();
        !self.rows.is_empty()
            && rows.all(|(row, cells)| {
                let text = cells[column].as_str();
                !is_missing(text) && seen.insert((self.file_of(row), text))
            })
    }

    /// Whether the rows of each stay have one text in a column at most. Stays are told by `id`; without, files are stays.
    pub fn is_constant_by(&self, id: Option<usize>, column: usize) -> bool {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        (0..self.rows.len()).all(|row| {
            let text = self.rows[row][column].as_str();
            is_missing(text) || *seen.entry(self.stay_of(id, row)).or_insert(text) == text
        })
    }

    /// The stay of a row, told as for [`Self::is_constant_by`].
    pub fn stay_of(&self, id: Option<usize>, row: usize) -> String {
        match id {
            Some(id) => self.rows[row][id].clone(),
            None => self.file_of(row).to_string(),
        }
    }

    /// The index of the file, among those that were looked at, that a row is of.
    pub fn file_of(&self, row: usize) -> usize {
        let mut end = 0;
        let ends = self.rows_of_files.iter().map(|rows| {
            end += rows;
            end
        });
        ends.take_while(|end| *end <= row).count()
    }

    pub fn is_row_number(&self, column: usize) -> bool {
        rank(&self.columns[column], &names::ROW_NUMBER).is_some()
            || self.columns[column].starts_with("...")
    }
}

fn look_of(text: &str) -> Look {
    if is_number(text) {
        return Look::Number;
    }
    let digits = |text: &str, most: usize| {
        !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if let [year, month, rest] = &text.splitn(3, '-').collect::<Vec<_>>()[..]
        && year.len() == 4
        && digits(year, 4)
        && digits(month, 2)
        && rest.get(..2).is_some_and(|day| digits(day, 2))
    {
        return Look::Timestamp;
    }
    let is_date = |separator: char| {
        let parts: Vec<&str> = text.splitn(3, separator).collect();
        matches!(&parts[..], [day, month, rest] if digits(day, 2)
            && digits(month, 2)
            && rest.get(..4).is_some_and(|year| digits(year, 4)))
    };
    if is_date('/') || is_date('.') {
        return Look::SlashDate;
    }
    let clock: Vec<&str> = text.split(':').collect();
    let of_clock = |parts: &[&str]| {
        let (last, before) = parts.split_last().unwrap_or((&"", &[]));
        let (whole, fraction) = last.split_once('.').unwrap_or((last, "0"));
        before.iter().all(|part| digits(part, 5)) && digits(whole, 5) && digits(fraction, 9)
    };
    if (2..=3).contains(&clock.len()) && of_clock(&clock) || text.contains(" days ") {
        return Look::Duration;
    }
    Look::Text
}

/// Whether a text says that there is no number.
pub fn is_missing(text: &str) -> bool {
    MISSING.contains(&text)
}

/// Whether a text is a finite number.
pub fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// `36,5` or `1,000`: a number but for its commas.
pub fn has_commas(text: &str) -> bool {
    has_thousands(text) || text.matches(',').count() == 1 && is_number(&text.replace(',', "."))
}

/// `1,000`: three digits behind each comma. As the run's own complaint does.
pub fn has_thousands(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut groups = whole.trim_start_matches(['-', '+']).split(',');
    is_digits(fraction)
        && groups.next().is_some_and(is_digits)
        && whole.contains(',')
        && groups.all(|group| group.len() == 3 && is_digits(group))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_look_like_what_they_are() {
        for (text, look) in [
            ("1.5", Look::Number),
            ("-3", Look::Number),
            ("2150-01-01 08:00:00", Look::Timestamp),
            ("2150-01-01T08:00", Look::Timestamp),
            ("2150-01-01", Look::Timestamp),
            ("04/01/2150 12:01", Look::SlashDate),
            ("03.01.2150 18:11", Look::SlashDate),
            ("03.01.2150", Look::SlashDate),
            ("03.01.50 18:11", Look::Text),
            ("26:30", Look::Duration),
            ("26:30:15.5", Look::Duration),
            ("26:30:15.", Look::Text),
            ("1 days 02:30:00", Look::Duration),
            ("sinus", Look::Text),
            ("<0.01", Look::Text),
            ("inf", Look::Text),
            ("ü/ü/ü", Look::Text),
        ] {
            assert_eq!(look_of(text), look, "{text}");
        }
    }

    #[test]
    fn commas_before_three_digits_each_separate_thousands() {
        for (text, commas, thousands) in [
            ("1,000", true, true),
            ("-1,234,567.5", true, true),
            ("36,5", true, false),
            ("1,0000", true, false),
            ("1,23,456", false, false),
            ("1.5,000", false, false),
            ("1000", false, false),
            (",000", true, false),
            ("a,000", false, false),
        ] {
            let found = (has_commas(text), has_thousands(text));
            assert_eq!(found, (commas, thousands), "{text}");
        }
    }
}
