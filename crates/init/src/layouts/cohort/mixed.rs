//! Columns of texts that are numbers: with a few texts among them, or with commas.

use std::collections::BTreeSet;

use crate::draft::Draft;
use crate::table::{Look, Table, has_commas, has_thousands, is_number};
use pipeline_error::listed::first_names;

/// The texts of a column that is mostly numbers, as a long table's variable is. None for other columns.
pub fn texts_among_numbers(table: &Table, column: usize) -> Option<BTreeSet<&str>> {
    if table.look(column) != Look::Text {
        return None;
    }
    let cells: BTreeSet<&str> = table.cells(column).collect();
    let (numbers, texts): (BTreeSet<&str>, BTreeSet<&str>) =
        cells.into_iter().partition(|text| is_number(text));
    (numbers.len() > texts.len()).then_some(texts)
}

/// A number with commas, of a column whose texts are numbers but for theirs.
pub fn with_commas(table: &Table, column: usize) -> Option<&str> {
    let is_such = |text: &str| is_number(text) || has_commas(text);
    let mut cells = table.cells(column);
    if table.look(column) != Look::Text || !table.cells(column).all(is_such) {
        return None;
    }
    cells.find(|text| text.contains(','))
}

/// What the commas of numbers are, and how to write the numbers instead.
pub fn commas<'a>(texts: impl Iterator<Item = &'a str>) -> (&'static str, &'static str) {
    let mut texts = texts.filter(|text| text.contains(','));
    match texts.all(has_thousands) {
        true => (
            "separators of thousands",
            "write them without (if the comma is a decimal one, write a point)",
        ),
        false => ("decimal commas", "write points"),
    }
}

/// Says which texts a column of numbers holds.
pub fn note_texts(name: &str, texts: &BTreeSet<&str>, draft: &mut Draft) {
    draft.note(format!(
        "values of `{name}` are numbers but for {}: `missing` on the source lists texts that say nothing",
        first_names(texts, 4)
    ));
}

/// Says that numbers have commas, which are not read.
pub fn note_commas(table: &Table, column: usize, number: &str, draft: &mut Draft) {
    let (commas, mend) = commas(table.cells(column));
    draft.note(format!(
        "`{}` is left out: its numbers have {commas} (`{number}`); {mend}",
        table.columns[column]
    ));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{draft, folder, recipe};
    use crate::layouts::{Looking, look};

    #[test]
    fn an_age_beyond_a_bound_is_no_category() {
        let stays = "stay_id,subject_id,age,died\n1,5,60,0\n2,6,> 89,1\n3,7,70,0\n";
        let draft = draft(&[("stays.csv", stays)]);
        let text = draft.recipe("x", "data");
        assert!(text.contains("variables = [\"age\"]"), "{text}");
        assert!(!text.contains("categorical"), "{text}");
        assert!(draft.notes.iter().any(|note| note.contains("`> 89`")));
        assert!(recipe(&[("stays.csv", &stays.replace("> 89", "89"))]).contains("\"age\""));
    }

    #[test]
    fn a_wide_column_of_numbers_and_few_texts_is_a_variable() {
        let mut grid = String::from("stay_id;hour;HR;Trop;Temp\n");
        for row in 0..12 {
            let trop = ["<0.3".to_string(), format!("1.{row}")][usize::from(row > 2)].clone();
            grid += &format!("{};{row};{};{trop};36,{row}\n", row % 2, 80 + row);
        }
        let folder = folder(&[("grid.csv", &grid)]);
        let draft = look(folder.path(), Looking::default()).unwrap();
        let text = draft.recipe("x", "data");
        assert!(text.contains("ignore = [\"Temp\"]"), "{text}");
        assert!(!text.contains("categorical"), "{text}");
        let notes = draft.notes.join("\n");
        assert!(
            notes.contains("`Trop` are numbers but for `<0.3`"),
            "{notes}"
        );
        assert!(notes.contains("`Temp` is left out"), "{notes}");
    }

    #[test]
    fn separators_of_thousands_are_no_decimal_commas() {
        for (urine, commas) in [
            ("1,000", "separators of thousands (`1,000`)"),
            ("1,5", "decimal commas (`1,5`)"),
        ] {
            let grid = format!("stay_id;hour;HR;urine\n1;0;70;950\n1;1;71;{urine}\n2;0;72;\n");
            let folder = folder(&[("grid.csv", &grid)]);
            let draft = look(folder.path(), Looking::default()).unwrap();
            let notes = draft.notes.join("\n");
            let why = format!("`urine` is left out: its numbers have {commas}");
            assert!(notes.contains(&why), "{notes}");
        }
    }
}
