//! The text that stands for every variable.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::MissingDescription;
use crate::names::quoted;
use crate::small_table::{Layout, SmallTable};
use pipeline_error::Error;

/// The description of each of `names`, from a CSV file with the columns variable and description.
/// Errors name file and line, and every variable that has none.
pub(super) fn of_variables(
    path: &Path,
    names: &[&str],
    missing: MissingDescription,
) -> Result<Vec<String>, Error> {
    let prose = Layout {
        is_prose: true,
        ..Layout::default()
    };
    let table = SmallTable::read_as(path, &prose)?;
    let (variable, description) = (table.column("variable")?, table.column("description")?);
    let mut found = BTreeMap::new();
    for row in &table.rows {
        let (name, text) = (&row.fields[variable], &row.fields[description]);
        if let Some((line, _)) = found.insert(name, (row.line, text)) {
            let what = format!("variable `{name}` is on line {line} already");
            return Err(table.error(row.line, what));
        }
    }
    // An empty field describes nothing.
    found.retain(|_, (_, text)| !text.is_empty());
    let without = names.iter().filter(|name| !found.contains_key(*name));
    let without: Vec<String> = without.map(ToString::to_string).collect();
    if !without.is_empty() && missing == MissingDescription::Error {
        let what = format!("no description of {}", quoted(without.iter()));
        return Err(Error::file(path, what)
            .with_hint("missing = \"name\" takes the names of such variables as their texts"));
    }
    let text = |name: &&str| found.get(name).map_or(*name, |(_, text)| *text).to_string();
    Ok(names.iter().map(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(file: &str, missing: MissingDescription) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("descriptions.csv");
        std::fs::write(&path, file).unwrap();
        of_variables(&path, &["HR", "pH"], missing).map_err(|error| error.to_string())
    }

    #[test]
    fn descriptions_come_in_the_order_of_the_variables() {
        let file = "description,variable,unit\nacidity,pH,\n\"rate, of the heart\",HR,bpm\nno one's,other,\n";
        let found = texts(file, MissingDescription::Error);
        assert_eq!(found.unwrap(), ["rate, of the heart", "acidity"]);
    }

    #[test]
    fn a_variable_without_a_description_is_named_unless_its_name_may_do() {
        let file = "variable,description\nHR,heart rate\npH,\n";
        let refusal = texts(file, MissingDescription::Error).unwrap_err();
        assert!(
            refusal.ends_with("descriptions.csv: no description of `pH`"),
            "{refusal}"
        );
        assert_eq!(
            texts(file, MissingDescription::Name).unwrap(),
            ["heart rate", "pH"]
        );
        let twice = texts(
            "variable,description\nHR,a\nHR,b\n",
            MissingDescription::Name,
        );
        assert!(
            twice
                .unwrap_err()
                .contains("line 3: variable `HR` is on line 2 already")
        );
        let other = texts("variable,text\nHR,a\n", MissingDescription::Name);
        assert!(other.unwrap_err().contains("no column `description`"));
    }
}
