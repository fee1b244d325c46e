//! Seeded orthonormal embeddings.

use super::EmbeddingRows;
use crate::address::address_of;
use pipeline_error::Error;
use pipeline_random::Stream;

/// Rows of norm 1 that are orthogonal to each other: normals drawn for each name, made orthogonal
/// to the rows of the names before it (Gram and Schmidt, twice over, in f64).
pub(super) fn of_variables(
    dimension: usize,
    names: &[&str],
    seed: u64,
) -> Result<EmbeddingRows, Error> {
    if names.len() > dimension {
        return Err(Error::stage(format!(
            "{} variables have no {} orthonormal embeddings of {dimension} numbers",
            names.len(),
            names.len()
        ))
        .with_hint(format!(
            "set `orthonormal` to {} or more, and `input_dim` of [model] to the same if the recipe states it",
            names.len()
        )));
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

    #[test]
    fn orthonormal_rows_are_orthonormal_and_seeded() {
        let names = ["a", "b", "c", "d"];
        let rows = of_variables(4, &names, 1).unwrap();
        for (i, a) in rows.numbers.chunks(4).enumerate() {
            for (j, b) in rows.numbers.chunks(4).enumerate() {
                let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
                assert!((dot - if i == j { 1.0 } else { 0.0 }).abs() < 1e-6);
            }
        }
        assert_eq!(rows, of_variables(4, &names, 1).unwrap());
        assert_ne!(rows, of_variables(4, &names, 2).unwrap());
        let fewer = of_variables(4, &names[..2], 1).unwrap();
        assert_eq!(
            fewer.numbers,
            rows.numbers[..8],
            "later names change nothing"
        );
    }

    #[test]
    fn more_variables_than_numbers_are_refused() {
        let error = of_variables(1, &["a", "b"], 1).unwrap_err();
        assert!(error.to_string().starts_with("2 variables"), "{error}");
    }
}
