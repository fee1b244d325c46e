//! The predictions of a cross-validation together: every stay as the model of the fold said of it that did not see it.

use std::collections::{BTreeMap, BTreeSet};

use crate::scored::ScoredStays;
use pipeline_error::Error;
use pipeline_metrics::BinaryScores;
use pipeline_runner::record::OutputRecord;
use pipeline_runner::sweep::record::{PooledRecord, ShowRecord, Summary};
use pipeline_stage::Stage;

/// Which fold of which division of the patients is held out.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// The division: all that a data stage says but for the fold. Folds of two divisions share stays.
    division: String,
    count: u64,
    fold: u64,
}

/// What an evaluation says of every stay, and the fold of the data that it scores.
pub struct ScoredFold {
    /// Its artifact `predictions`.
    pub predictions: OutputRecord,
    /// The fold.
    pub fold: Fold,
}

/// What is known of all folds together.
#[derive(Default)]
pub struct Pooled {
    /// Of every setting and evaluation that have all folds.
    pub records: Vec<PooledRecord>,
    /// What is left out since folds are missing: a line an evaluation.
    pub notes: Vec<String>,
}

/// Stays, whether they are positive, and the probability of it.
#[derive(Default)]
struct Pool {
    ids: BTreeSet<String>,
    labels: Vec<bool>,
    probabilities: Vec<f64>,
}

/// One repeat of a cross-validation, as far as it went.
struct Repeat<'a> {
    count: u64,
    folds: BTreeMap<u64, &'a OutputRecord>,
}

/// A repeat of a setting that is not whole.
struct Gap<'a> {
    setting: &'a str,
    count: u64,
    missing: Vec<u64>,
}

/// Of every setting of `show`, and of each of its evaluations of two classes that was cross-validated: the
/// metrics of all folds' stays together, once for every repeat that has all folds. `predictions` has them by the stage's
/// name in the sweep. Folds that share a stay are not put together.
pub fn pooled(
    show: &ShowRecord,
    predictions: &BTreeMap<String, ScoredFold>,
) -> Result<Pooled, Error> {
    let mut pooled = Pooled::default();
    for stage in cross_validated(show, predictions) {
        let mut gaps = Vec::new();
        for setting in &show.settings {
            let variants = show.variants.iter();
            let variants = variants.filter(|one| one.setting == setting.name);
            let mut seen = BTreeSet::new();
            let nodes = variants.filter_map(|one| one.stages.get(stage));
            let scored = nodes
                .filter(|node| seen.insert(*node))
                .filter_map(|node| predictions.get(node));
            let (whole, broken): (Vec<Repeat>, Vec<Repeat>) =
                repeats(scored).into_iter().partition(Repeat::is_whole);
            gaps.extend(broken.iter().map(|repeat| Gap {
                setting: &setting.name,
                count: repeat.count,
                missing: repeat.missing().collect(),
            }));
            pooled
                .records
                .extend(of_repeats(&setting.name, stage, &whole)?);
        }
        pooled
            .notes
            .extend(note(stage, &gaps, show.settings.len() == 1));
    }
    // As the settings are ranked; the order of stages stays.
    let rank = |record: &PooledRecord| {
        let mut settings = show.settings.iter();
        settings.position(|setting| setting.name == record.setting)
    };
    pooled.records.sort_by_key(rank);
    Ok(pooled)
}

/// The evaluations that score more than one fold in the sweep.
fn cross_validated<'a>(
    show: &'a ShowRecord,
    predictions: &BTreeMap<String, ScoredFold>,
) -> Vec<&'a str> {
    let mut folds: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (stage, node) in show.variants.iter().flat_map(|variant| &variant.stages) {
        if let Some(scored) = predictions.get(node) {
            folds.entry(stage).or_default().insert(scored.fold.fold);
        }
    }
    let several = folds.into_iter().filter(|(_, folds)| folds.len() > 1);
    several.map(|(stage, _)| stage).collect()
}

/// Results in repeats, each of one division and with each fold once: of a fold that was scored several times, as with
/// several seeds, the first goes with the first of the others, the second with the second.
fn repeats<'a>(scored: impl Iterator<Item = &'a ScoredFold>) -> Vec<Repeat<'a>> {
    let mut divisions: BTreeMap<&str, Vec<Repeat>> = BTreeMap::new();
    for one in scored {
        let Fold {
            division,
            count,
            fold,
        } = &one.fold;
        let repeats = divisions.entry(division).or_default();
        let at = repeats
            .iter()
            .position(|repeat| !repeat.folds.contains_key(fold));
        let at = at.unwrap_or_else(|| {
            repeats.push(Repeat {
                count: *count,
                folds: BTreeMap::new(),
            });
            repeats.len() - 1
        });
        repeats[at].folds.insert(*fold, &one.predictions);
    }
    divisions.into_values().flatten().collect()
}

fn of_repeats(
    setting: &str,
    stage: &str,
    repeats: &[Repeat],
) -> Result<Option<PooledRecord>, Error> {
    if repeats.is_empty() {
        return Ok(None);
    }
    let (mut stays, mut metrics) = (0, [const { Vec::new() }; 3]);
    for repeat in repeats {
        let mut pool = Pool::default();
        for table in repeat.folds.values() {
            if !pool.add(table)? {
                return Ok(None);
            }
        }
        stays = pool.labels.len();
        let scores = BinaryScores::new(pool.labels, pool.probabilities)?;
        let measured = scores.measure(&vec![1.0; scores.len()]);
        for (values, value) in
            metrics
                .iter_mut()
                .zip([measured.auroc, measured.average_precision, measured.brier])
        {
            values.extend(value.ok());
        }
    }
    let [auroc, average_precision, brier] = metrics.map(|values| Summary::of(&values));
    Ok(Some(PooledRecord {
        setting: setting.into(),
        stage: stage.into(),
        stays,
        repeats: repeats.len(),
        auroc,
        average_precision,
        brier,
    }))
}

/// That repeats are left out; `is_alone` says that no other setting could be meant.
fn note(stage: &str, gaps: &[Gap], is_alone: bool) -> Option<String> {
    let (first, others) = gaps.split_first()?;
    let of = match is_alone {
        true => String::new(),
        false => format!(" of {}", first.setting),
    };
    let folds = match first.missing.len() {
        1 => "fold",
        _ => "folds",
    };
    let missing: Vec<String> = first.missing.iter().map(u64::to_string).collect();
    let more = match others.len() {
        0 => String::new(),
        more => format!(", and {more} more lack some"),
    };
    Some(format!(
        "all folds together: of `{stage}` a repeat{of} lacks {folds} {} of {}{more}; a repeat counts there with all of its \
         folds, which stand under [sweep.seeds]",
        missing.join(", "),
        first.count
    ))
}

impl Fold {
    /// That of a data stage; none where it holds out no fold.
    pub fn of(data: &dyn Stage) -> Option<Self> {
        let mut fields = data.fields();
        let folds = fields.pointer_mut("/split/folds")?.as_object_mut()?;
        let fold = folds.remove("fold")?.as_u64()?;
        let count = folds.get("count")?.as_u64()?;
        Some(Self {
            division: format!("{fields} {:?}", data.seed()),
            count,
            fold,
        })
    }
}

impl Repeat<'_> {
    fn missing(&self) -> impl Iterator<Item = u64> {
        (0..self.count).filter(|fold| !self.folds.contains_key(fold))
    }

    fn is_whole(&self) -> bool {
        self.missing().next().is_none()
    }
}

impl Pool {
    /// Adds what a fold's model says of its stays; false where that is of more than two classes, or of stays that another
    /// fold has: those of a training split.
    fn add(&mut self, predictions: &OutputRecord) -> Result<bool, Error> {
        let Some(scored) = ScoredStays::read(predictions)? else {
            return Ok(false);
        };
        self.labels.extend(scored.labels);
        self.probabilities.extend(scored.probabilities);
        let mut ids = scored.ids.into_iter();
        Ok(ids.all(|id| self.ids.insert(id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(division: &str, fold: u64) -> ScoredFold {
        ScoredFold {
            predictions: OutputRecord {
                digest: String::new(),
                bytes: 0,
                path: "predictions".into(),
            },
            fold: Fold {
                division: division.into(),
                count: 3,
                fold,
            },
        }
    }

    fn missing(scored: &[ScoredFold]) -> Vec<Vec<u64>> {
        let repeats = repeats(scored.iter());
        repeats.iter().map(|one| one.missing().collect()).collect()
    }

    #[test]
    fn a_repeat_is_of_one_division_and_has_each_fold_once() {
        let whole = [0, 1, 2].map(|fold| scored("a", fold));
        assert_eq!(missing(&whole), [Vec::<u64>::new()]);
        // Two seeds a fold are two repeats, in whatever order they come.
        let twice = [0, 0, 1, 2, 1, 2].map(|fold| scored("a", fold));
        assert_eq!(missing(&twice), [Vec::<u64>::new(), vec![]]);
        // Every fold of a division of its own, as with another seed of the data for each.
        let apart = [("a", 0), ("b", 1), ("c", 2)].map(|(of, fold)| scored(of, fold));
        assert_eq!(missing(&apart), [vec![1, 2], vec![0, 2], vec![0, 1]]);
        let partial = [("a", 0), ("a", 1), ("a", 2), ("b", 0)].map(|(of, fold)| scored(of, fold));
        assert_eq!(missing(&partial), [vec![], vec![1, 2]]);
    }

    #[test]
    fn a_note_says_which_folds_are_missing() {
        let gap = |setting, missing| Gap {
            setting,
            count: 4,
            missing,
        };
        let alone = note("test", &[gap("", vec![3])], true).unwrap();
        assert!(alone.starts_with("all folds together: of `test` a repeat lacks fold 3 of 4;"));
        let gaps = [gap("fold=0", vec![1, 2, 3]), gap("fold=1", vec![0, 2, 3])];
        let several = note("test", &gaps, false).unwrap();
        assert!(
            several.contains("a repeat of fold=0 lacks folds 1, 2, 3 of 4, and 1 more lack some;")
        );
        assert_eq!(note("test", &[], true), None);
    }
}
