//! A part of the training stays, as if there were no labels of the others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::address::address_of;
use super::target::Truth;
use pipeline_error::Error;
use pipeline_random::Stream;

/// Which of the training stays are learned from. A larger draw of the same seed holds every smaller one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subsample {
    /// How many stays; or `fraction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub stays: Option<usize>,
    /// Which share of them, rounded to whole stays; or `stays`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub fraction: Option<f64>,
    /// Seed of the draw.
    #[serde(default)]
    pub seed: u64,
    /// Whether every class keeps its share, as near as whole stays come to it.
    #[serde(default = "Subsample::default_stratified")]
    pub stratified: bool,
}

impl Subsample {
    fn default_stratified() -> bool {
        true
    }

    /// The rows that are drawn of training stays with these ids and classes, in ascending order. What is drawn depends on
    /// the seed, on ids and on classes, and not on the order of the stays.
    fn rows(&self, ids: &[&str], labels: &[u32]) -> Result<Vec<usize>, Error> {
        let count = self.count(ids.len())?;
        let stream = Stream::new(self.seed, "subsample");
        let mut order: Vec<(u64, usize)> = (ids.iter().enumerate())
            .map(|(row, id)| (stream.at(&[address_of(id)]).bits(), row))
            .collect();
        order.sort_unstable_by_key(|(draw, row)| (*draw, ids[*row]));
        let order = order.into_iter().map(|(_, row)| row);
        let order = match self.stratified {
            true => by_class_in_turn(order, labels),
            false => order.collect(),
        };
        let mut rows = order;
        rows.truncate(count);
        rows.sort_unstable();
        Ok(rows)
    }

    /// The positions that are drawn of training stays with these ids; what is no class is not stratified.
    pub fn positions(&self, ids: &[String], truth: &Truth) -> Result<Vec<usize>, Error> {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        match truth.classes() {
            Some(classes) => self.rows(&ids, classes),
            None => self.rows(&ids, &vec![0; ids.len()]),
        }
    }

    fn count(&self, all: usize) -> Result<usize, Error> {
        let count = match (self.stays, self.fraction) {
            (Some(stays), _) => stays,
            (None, Some(fraction)) => ((fraction * all as f64).round() as usize).max(1),
            (None, None) => all,
        };
        match count <= all {
            true => Ok(count),
            false => Err(Error::stage(format!(
                "`subsample` draws {count} stays, and the training split has {all}"
            ))
            .with_hint("draw fewer, or state a `fraction`")),
        }
    }
}

/// Rows of every class in their order, interleaved so that any beginning has the classes in their shares (the divisor
/// method of Webster and Sainte-Laguë): row k of n of a class comes at (k − 1/2)/n.
fn by_class_in_turn(order: impl Iterator<Item = usize>, labels: &[u32]) -> Vec<usize> {
    let size = |class: u32| labels.iter().filter(|label| **label == class).count() as u64;
    let mut seen: std::collections::BTreeMap<u32, (u64, u64)> = Default::default();
    let mut placed: Vec<(u128, u32, usize)> = Vec::with_capacity(labels.len());
    for row in order {
        let class = labels[row];
        let (count, all) = seen.entry(class).or_insert_with(|| (0, size(class)));
        // In units so fine that whole numbers tell all places apart.
        let place = (u128::from(2 * *count + 1) << 64) / u128::from(2 * *all);
        *count += 1;
        placed.push((place, class, row));
    }
    placed.sort_unstable_by_key(|(place, class, _)| (*place, *class));
    placed.into_iter().map(|(_, _, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn drawn(subsample: &Subsample, stays: &[(String, u32)]) -> BTreeSet<String> {
        let ids: Vec<&str> = stays.iter().map(|(id, _)| id.as_str()).collect();
        let labels: Vec<u32> = stays.iter().map(|(_, label)| *label).collect();
        let rows = subsample.rows(&ids, &labels).unwrap();
        rows.into_iter().map(|row| ids[row].to_string()).collect()
    }

    fn of(stays: usize, seed: u64, stratified: bool) -> Subsample {
        Subsample {
            stays: Some(stays),
            fraction: None,
            seed,
            stratified,
        }
    }

    /// 300 stays, one in seven of them positive.
    fn cohort() -> Vec<(String, u32)> {
        let stay = |number: usize| (format!("s{number}"), u32::from(number.is_multiple_of(7)));
        (0..300).map(stay).collect()
    }

    #[test]
    fn a_larger_draw_holds_a_smaller_one_and_the_order_of_the_stays_does_not_matter() {
        let stays = cohort();
        let mut reversed = stays.clone();
        reversed.reverse();
        for stratified in [true, false] {
            let draws =
                [10, 50, 51, 200, 300].map(|count| drawn(&of(count, 3, stratified), &stays));
            assert!(draws.windows(2).all(|pair| pair[0].is_subset(&pair[1])));
            assert_eq!(draws.each_ref().map(BTreeSet::len), [10, 50, 51, 200, 300]);
            assert_eq!(draws[1], drawn(&of(50, 3, stratified), &reversed));
            assert_ne!(draws[1], drawn(&of(50, 4, stratified), &stays));
        }
    }

    #[test]
    fn every_class_keeps_its_share() {
        let stays = cohort();
        let positive: BTreeSet<&String> = (stays.iter().filter(|(_, label)| *label == 1))
            .map(|(id, _)| id)
            .collect();
        for count in [7, 50, 100, 299] {
            let drawn = drawn(&of(count, 1, true), &stays);
            let found = drawn.iter().filter(|id| positive.contains(id)).count() as f64;
            let share = count as f64 * positive.len() as f64 / stays.len() as f64;
            assert!((found - share).abs() < 1.0, "{found} of {count}");
        }
    }

    #[test]
    fn a_fraction_is_rounded_and_more_than_all_is_refused() {
        let fraction = Subsample {
            stays: None,
            fraction: Some(0.1),
            seed: 0,
            stratified: true,
        };
        assert_eq!(drawn(&fraction, &cohort()).len(), 30);
        let error = of(301, 0, true).rows(&["a", "b"], &[0, 1]).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("draws 301 stays, and the training split has 2")
        );
    }
}
