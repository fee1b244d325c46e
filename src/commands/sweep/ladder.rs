//! The rungs of a sweep, one after the other: all variants on the first, and with halving the
//! better settings on those after it.

use std::collections::{BTreeMap, BTreeSet};

use crate::commands::sweep::batch::Batch;
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_recipe::Point;
use pipeline_runner::sweep::promoted;
use pipeline_runner::sweep::record::{ShowRecord, VariantStatus};

/// What was found on the rungs.
pub struct Climbed {
    /// Every setting as it was tried on the highest rung that it reached.
    pub show: ShowRecord,
    /// The points of `show.variants`.
    pub points: Vec<Point>,
}

/// One rung's results.
struct Rung {
    show: ShowRecord,
    points: Vec<Point>,
    /// Its settings' names in the space, by their names here.
    settings: BTreeMap<String, String>,
}

/// Takes every rung to `find`, which knows or makes its results, and says whether to go on.
pub fn climb(
    sweep: &SweepRecipe,
    mut find: impl FnMut(Batch) -> Result<(ShowRecord, bool), Error>,
) -> Result<Climbed, Error> {
    let mut open = sweep.points()?;
    sweep.check_later_rungs(&open)?;
    let mut rungs: Vec<Rung> = Vec::new();
    for index in 0..sweep.rungs() {
        let (names, points): (Vec<_>, Vec<_>) = sweep.on_rung(index, &open).into_iter().unzip();
        let here = points.iter().map(|point| point.setting.clone());
        let settings: BTreeMap<String, String> = here.zip(names).collect();
        let variants = sweep.variants(points.clone())?;
        let (show, goes_on) = find(Batch::of(sweep, variants)?)?;
        let unfinished = |one: &_| matches!(one, VariantStatus::Unfinished);
        let is_whole = !show.variants.iter().any(|one| unfinished(&one.status));
        if let Some(halving) = &sweep.config.halving {
            let going: BTreeSet<&String> = promoted(halving, &show.settings)
                .into_iter()
                .filter_map(|name| settings.get(name))
                .collect();
            open.retain(|point| going.contains(&point.setting));
        }
        rungs.push(Rung {
            show,
            points,
            settings,
        });
        if !goes_on || !is_whole || open.is_empty() {
            break;
        }
    }
    top(rungs)
}

/// Each setting from the highest rung it was on; the last rung's come first.
fn top(rungs: Vec<Rung>) -> Result<Climbed, Error> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut climbed: Option<Climbed> = None;
    for Rung {
        mut show,
        points,
        settings,
    } in rungs.into_iter().rev()
    {
        let is_new = |name: &String| settings.get(name).is_some_and(|base| !seen.contains(base));
        let kept: BTreeSet<String> = settings
            .keys()
            .filter(|name| is_new(name))
            .cloned()
            .collect();
        seen.extend(settings.into_values());
        show.settings.retain(|setting| kept.contains(&setting.name));
        let pairs = points.into_iter().zip(show.variants);
        let (points, variants): (Vec<_>, Vec<_>) = pairs
            .filter(|(point, _)| kept.contains(&point.setting))
            .unzip();
        show.variants = variants;
        match &mut climbed {
            None => climbed = Some(Climbed { show, points }),
            Some(above) => {
                above.show.settings.extend(show.settings);
                above.show.variants.extend(show.variants);
                above.points.extend(points);
            }
        }
    }
    climbed.ok_or_else(|| Error::stage("a sweep has at least one rung"))
}
