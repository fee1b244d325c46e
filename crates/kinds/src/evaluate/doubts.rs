//! What keeps resamples from saying how sure the numbers of an evaluation are.

use super::evaluation::Report;
use super::headline::{FEW_SUBJECTS, Headline};

/// Warnings about the resamples of a report, which are caveats of it from then on.
pub fn doubt(report: &mut Report) -> Vec<String> {
    let (headline, subjects, caveats) = match report {
        Report::Classes(evaluation) => (
            Headline::of(evaluation),
            evaluation.subjects,
            &mut evaluation.caveats,
        ),
        Report::Target(evaluation) => (
            Headline::of_target(evaluation),
            evaluation.subjects,
            &mut evaluation.caveats,
        ),
    };
    let line = one_subject(&headline, subjects)
        .or_else(|| too_few(&headline))
        .or_else(|| few_subjects(&headline, subjects));
    caveats.extend(line.clone());
    line.into_iter().collect()
}

fn one_subject(headline: &Headline, subjects: usize) -> Option<String> {
    if headline.bootstrap.resamples == 0 || subjects > 1 {
        return None;
    }
    let split = headline.split.name();
    Some(match headline.n {
        0 | 1 => format!(
            "warning: the {split} split has one scored stay, so that there are no intervals: nothing says how sure \
             these numbers are"
        ),
        stays => format!(
            "warning: all {stays} scored stays of the {split} split are of one subject, so that there are no intervals: \
             resamples of one subject are all the same. Is the column that the data stage's `subject` names the one of \
             the subjects?"
        ),
    })
}

fn too_few(headline: &Headline) -> Option<String> {
    let left_out = headline.left_out().filter(|_| !headline.is_telling())?;
    Some(format!(
        "warning: {left_out}: too few subjects to conclude anything from its interval"
    ))
}

fn few_subjects(headline: &Headline, subjects: usize) -> Option<String> {
    let are_few = headline.bootstrap.resamples > 0 && subjects < FEW_SUBJECTS;
    are_few.then(|| {
        format!(
            "warning: the {} split has {subjects} subjects: resamples of so few say little, and nothing is concluded from \
             intervals",
            headline.split.name()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_data::dataset::Split;
    use pipeline_metrics::{BootstrapSettings, Interval};

    fn headline(n: usize, undefined: usize) -> Headline {
        Headline {
            metric: "auroc",
            title: "AUROC",
            value: Some(0.7),
            undefined: None,
            interval: Some(Interval {
                lower: 0.6,
                upper: 0.8,
                undefined,
            }),
            bootstrap: BootstrapSettings::default(),
            baseline: None,
            calibration: None,
            n,
            positives: Some(1),
            split: Split::Test,
        }
    }

    #[test]
    fn one_subject_is_warned_of() {
        let several = one_subject(&headline(30, 0), 1).unwrap();
        assert!(several.contains("all 30 scored stays of the test split are of one subject"));
        assert!(several.contains("`subject`"), "{several}");
        let single = one_subject(&headline(1, 0), 1).unwrap();
        assert!(single.contains("one scored stay"), "{single}");
        assert_eq!(one_subject(&headline(30, 0), 2), None);
        let mut without = headline(30, 0);
        without.bootstrap.resamples = 0;
        assert_eq!(one_subject(&without, 1), None);
    }

    #[test]
    fn few_subjects_are_warned_of() {
        let line = few_subjects(&headline(18, 0), 3).unwrap();
        assert!(line.contains("the test split has 3 subjects"), "{line}");
        assert_eq!(few_subjects(&headline(18, 0), FEW_SUBJECTS), None);
    }

    #[test]
    fn many_undefined_resamples_are_warned_of() {
        assert_eq!(too_few(&headline(30, 0)), None);
        assert_eq!(too_few(&headline(30, 50)), None);
        let line = too_few(&headline(2, 507)).unwrap();
        let expected =
            "warning: AUROC is undefined in 507 of 1000 resamples, which its interval leaves out";
        assert!(line.starts_with(expected), "{line}");
    }
}
