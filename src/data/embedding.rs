//! The embedding of every variable.

use std::collections::BTreeMap;
use std::path::Path;

use super::address::address_of;
use super::config::Embeddings;
use super::small_table::{SmallTable, quoted};
use crate::error::Error;
use crate::random::Stream;

/// Embeddings, row-major [variables, dimension].
#[derive(Debug, PartialEq)]
pub(super) struct EmbeddingRows {
    pub(super) dimension: usize,
    pub(super) numbers: Vec<f32>,
}

/// The embeddings of `names`, in their order.
pub(super) fn of_variables(
    config: &Embeddings,
    names: &[&str],
    seed: u64,
) -> Result<EmbeddingRows, Error> {
    match config {
        Embeddings::Table(path) => of_table(path.as_ref(), names),
        Embeddings::Orthonormal(dimension) => orthonormal(*dimension, names, seed),
    }
}

fn of_table(path: &Path, names: &[&str]) -> Result<EmbeddingRows, Error> {
    let table = SmallTable::read(path)?;
    let key = table.column("Key")?;
    let columns: Vec<usize> = (0..table.header.len()).filter(|&c| c != key).collect();
    if columns.is_empty() {
        return Err(Error::file(path, "has no column of numbers beside `Key`"));
    }
    let mut rows = BTreeMap::new();
    for row in &table.rows {
        if let Some(other) = rows.insert(&row.fields[key], row) {
            let what = format!(
                "Key `{}` is on line {} already",
                &row.fields[key], other.line
            );
            return Err(table.error(row.line, what));
        }
        for &column in &columns {
            table.number(row, column)?;
        }
    }
    let missing: Vec<String> = (names.iter().filter(|name| !rows.contains_key(*name)))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        let what = format!("no embedding of {}", quoted(missing.iter()));
        return Err(Error::file(path, what).with_hint("every variable needs a row of its own"));
    }
    let mut numbers = Vec::with_capacity(names.len() * columns.len());
    for row in names.iter().filter_map(|name| rows.get(name)) {
        for &column in &columns {
            let number = table.number(row, column)? as f32;
            if !number.is_finite() {
                let what = format!("{} is too large for f32", table.header[column]);
                return Err(table.error(row.line, what));
            }
            numbers.push(number);
        }
    }
    Ok(EmbeddingRows {
        dimension: columns.len(),
        numbers,
    })
}

/// Rows of norm 1 that are orthogonal to each other: normals drawn for each name, made orthogonal
/// to the rows of the names before it (Gram and Schmidt, twice over, in f64).
fn orthonormal(dimension: usize, names: &[&str], seed: u64) -> Result<EmbeddingRows, Error> {
    if names.len() > dimension {
        return Err(Error::stage(format!(
            "{} variables have no {} orthonormal embeddings of {dimension} numbers",
            names.len(),
            names.len()
        ))
        .with_hint(format!("set orthonormal to {} or more", names.len())));
    }
    let draws = Stream::new(seed, "embeddings");
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(names.len());
    for name in names {
        let mut attempt = 0;
        let row = loop {
            let mut draw = draws.at(&[address_of(name), attempt]);
            let row: Vec<f64> = (0..dimension).map(|_| draw.normal()).collect();
            if let Some(row) = orthogonal_to(&rows, row) {
                break row;
            }
            attempt += 1;
        };
        rows.push(row);
    }
    Ok(EmbeddingRows {
        dimension,
        numbers: rows.iter().flatten().map(|&x| x as f32).collect(),
    })
}

/// The unit vector of what of `row` is orthogonal to `others`; `None` if next to nothing is.
fn orthogonal_to(others: &[Vec<f64>], mut row: Vec<f64>) -> Option<Vec<f64>> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    for _ in 0..2 {
        for other in others {
            let share = dot(&row, other);
            for (x, y) in row.iter_mut().zip(other) {
                *x -= share * y;
            }
        }
    }
    let norm = dot(&row, &row).sqrt();
    (norm > 1e-6).then(|| row.iter().map(|x| x / norm).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::input_path::InputPath;

    #[test]
    fn orthonormal_rows_are_orthonormal_and_seeded() {
        let names = ["a", "b", "c", "d"];
        let config = Embeddings::Orthonormal(4);
        let rows = of_variables(&config, &names, 1).unwrap();
        for (i, a) in rows.numbers.chunks(4).enumerate() {
            for (j, b) in rows.numbers.chunks(4).enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                assert!((dot - if i == j { 1.0 } else { 0.0 }).abs() < 1e-6);
            }
        }
        assert_eq!(rows, of_variables(&config, &names, 1).unwrap());
        assert_ne!(rows, of_variables(&config, &names, 2).unwrap());
        let fewer = of_variables(&config, &names[..2], 1).unwrap();
        assert_eq!(
            fewer.numbers,
            rows.numbers[..8],
            "later names change nothing"
        );
    }

    #[test]
    fn more_variables_than_numbers_are_refused() {
        let error = of_variables(&Embeddings::Orthonormal(1), &["a", "b"], 1).unwrap_err();
        assert!(error.to_string().starts_with("2 variables"), "{error}");
    }

    fn table(text: &str) -> Result<EmbeddingRows, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cached.csv");
        std::fs::write(&path, text).unwrap();
        of_variables(&Embeddings::Table(InputPath::file(path)), &["HR", "pH"], 1)
    }

    #[test]
    fn a_table_gives_the_rows_of_the_variables_in_their_order() {
        let rows = table("e0,Key,e1\n1,pH,2\n0,other,0\n3,HR,4\n").unwrap();
        assert_eq!(
            (rows.dimension, rows.numbers),
            (2, vec![3.0, 4.0, 1.0, 2.0])
        );
    }

    #[test]
    fn a_bad_embedding_table_is_named_with_its_line() {
        let refusal = |text| table(text).unwrap_err().to_string();
        assert!(refusal("Key,e0\nHR,1\n").contains("no embedding of `pH`"));
        assert!(refusal("Key,e0\nHR,1\npH,1,2\n").contains("line 3: 3 fields"));
        assert!(refusal("Key,e0\nHR,1\npH,x\n").contains("line 3: e0 `x` is not a finite number"));
        assert!(refusal("Key,e0\nHR,1\npH,1e300\n").contains("line 3: e0 is too large"));
        assert!(refusal("Key,e0\nHR,1\nHR,1\n").contains("line 3: Key `HR` is on line 2"));
        assert!(refusal("Key\nHR\npH\n").contains("no column of numbers"));
    }
}
