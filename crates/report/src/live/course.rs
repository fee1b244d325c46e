use std::collections::BTreeMap;

use pipeline_error::Error;
use pipeline_page::chart::{Axis, Chart, Ink, Layer};
use pipeline_page::figure::{KeyEntry, figure};
use pipeline_page::number;

use maud::Markup;

/// What is no result of a training but set for it.
const SETTINGS: [&str; 1] = ["penalty"];
/// Fewer points say less in a picture than in the table.
const FEWEST_POINTS: usize = 3;
/// Points of a picture: more of them nobody can tell apart.
const MOST_POINTS: usize = 300;
/// Where the first tenth of a course is so many times above all that follows, it would hide that.
const STEEP: f64 = 3.0;

/// The numbers that a stage told of while it ran, by name: `epoch 5/10 · reconstruction 1.7761 · KL 68.198`.
#[derive(Debug, Default)]
pub struct Course {
    /// Names in the order in which they were first told.
    names: Vec<String>,
    /// By name: how far the stage was (in epochs, if it counts those) and the number.
    points: BTreeMap<String, Vec<(f64, f64)>>,
    counts_epochs: bool,
}

impl Course {
    /// Takes what was told when `done` of `total` was done.
    pub fn take(&mut self, done: u64, total: u64, message: &str) {
        let parts: Vec<(&str, &str)> = message
            .split(" · ")
            .filter_map(|part| part.rsplit_once(' '))
            .collect();
        let epochs = parts.iter().find(|(name, _)| *name == "epoch");
        let epochs = epochs.and_then(|(_, of)| of.split_once('/')?.1.parse::<f64>().ok());
        self.counts_epochs = epochs.is_some();
        let at = done as f64 / total.max(1) as f64 * epochs.unwrap_or(100.0);
        for (name, value) in parts {
            let Some(value) = value.parse::<f64>().ok().filter(|value| value.is_finite()) else {
                continue;
            };
            if SETTINGS.contains(&name) {
                continue;
            }
            if !self.points.contains_key(name) {
                self.names.push(name.into());
            }
            self.points
                .entry(name.into())
                .or_default()
                .push((at, value));
        }
    }

    /// A picture of each number that was told often enough; ids begin with `id`.
    pub fn pictures(&self, stage: &str, id: &str) -> Result<Vec<Markup>, Error> {
        let drawn = self
            .names
            .iter()
            .enumerate()
            .filter_map(|(position, name)| {
                let points = shown(self.points.get(name)?);
                (points.len() >= FEWEST_POINTS)
                    .then(|| self.picture(name, stage, &format!("{id}-{position}"), points))
            });
        drawn.collect()
    }

    fn picture(
        &self,
        name: &str,
        stage: &str,
        id: &str,
        points: Vec<(f64, f64)>,
    ) -> Result<Markup, Error> {
        let label = if self.counts_epochs {
            "epoch"
        } else {
            "percent done"
        };
        let (first, last) = (points[0], points[points.len() - 1]);
        let text = format!("{} → {}", number::float(first.1), number::float(last.1));
        let chart = Chart {
            title: format!("{name} of {stage}"),
            description: format!("By {label}, from {:.1} to {:.1}. {text}.", first.0, last.0),
            x: Axis::around(label, points.iter().map(|(at, _)| *at)),
            y: Axis::around(name, points.iter().map(|(_, value)| *value)),
            layers: vec![Layer::line(Ink::First, points)],
        };
        let key = [KeyEntry {
            ink: Ink::First,
            text,
        }];
        figure(&chart, id, &key)
    }
}

/// Points worth drawing: without a first tenth that towers above the rest, and thinned.
fn shown(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (early, late) = points.split_at(points.len() / 10);
    let highest = |points: &[(f64, f64)]| {
        let values = points.iter().map(|(_, value)| value.abs());
        values.fold(0.0, f64::max)
    };
    let kept = match highest(early) > STEEP * highest(late) {
        true => late,
        false => points,
    };
    let step = kept.len().div_ceil(MOST_POINTS).max(1);
    let last = kept.last().filter(|_| (kept.len() - 1) % step != 0);
    kept.iter().step_by(step).chain(last).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_message_are_told_by_epoch() {
        let mut course = Course::default();
        course.take(50, 100, "epoch 5/10 · reconstruction 1.5 · KL 68.198");
        course.take(75, 100, "epoch 8/10 · reconstruction 1.25 · KL NaN");
        assert_eq!(course.names, ["reconstruction", "KL"]);
        assert_eq!(course.points["reconstruction"], [(5.0, 1.5), (7.5, 1.25)]);
        assert!(course.pictures("pretrain", "s0").unwrap().is_empty());
        course.take(100, 100, "epoch 10/10 · reconstruction 1.0 · penalty 3.0");
        assert_eq!(course.pictures("pretrain", "s0").unwrap().len(), 1);
        assert_eq!(course.names.len(), 2);
        let mut other = Course::default();
        other.take(1, 4, "reading");
        assert!(other.pictures("events", "s1").unwrap().is_empty());
    }

    #[test]
    fn a_tower_at_the_beginning_is_left_out_and_the_last_point_never_is() {
        let points: Vec<(f64, f64)> = (0..1000)
            .map(|at| (f64::from(at), if at < 50 { 100.0 } else { 1.0 }))
            .collect();
        let shown = shown(&points);
        assert!(shown.len() <= MOST_POINTS + 1);
        assert_eq!(
            (shown[0], shown[shown.len() - 1]),
            ((100.0, 1.0), (999.0, 1.0))
        );
    }
}
