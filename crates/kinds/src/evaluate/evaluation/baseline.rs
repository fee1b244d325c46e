use crate::dataset_artifacts::load_dataset;
use pipeline_data::dataset::{Dataset, Split};
use pipeline_data::subsample::Subsample;
use pipeline_error::Error;
use pipeline_stage::StageContext;
use pipeline_train::baseline::{LabelledRows, SummaryFeatures, fit_on_validation};

/// What a simple model says of the stays that are scored.
pub struct BaselineScores {
    /// Numbers it sees of a stay.
    pub features: usize,
    /// The penalty that was chosen on the validation split.
    pub penalty: f64,
    /// Training stays that it was fitted to, if these are not all.
    pub training_stays: Option<usize>,
    /// The probability of class 1 of every stay.
    pub probabilities: Vec<f64>,
}

impl BaselineScores {
    /// Fits logistic regression on the training split, or on a `subsample` of it, chooses its penalty on validation, and scores the
    /// stays of `split`, which must be those of `ids`.
    pub fn fit(
        context: &StageContext,
        split: Split,
        ids: &[String],
        subsample: Option<&Subsample>,
    ) -> Result<Self, Error> {
        let dataset = load_dataset(context)?;
        let scored = dataset.stays_of(split);
        let same = scored.iter().map(|stay| &dataset.stays[*stay].id).eq(ids);
        if !same {
            return Err(Error::stage(
                "the baseline's data and the model's features are not of the same stays",
            ));
        }
        let mut train = dataset.stays_of(Split::Train);
        if let Some(subsample) = subsample {
            train = subsample.stays(&dataset, &train)?;
        }
        let validation = dataset.stays_of(Split::Validation);
        let features = SummaryFeatures::fit(&dataset, &train);
        let fit = fit_on_validation(
            &LabelledRows {
                rows: &features.of(&dataset, &train),
                labels: &labels(&dataset, &train)?,
            },
            &LabelledRows {
                rows: &features.of(&dataset, &validation),
                labels: &labels(&dataset, &validation)?,
            },
        )?;
        Ok(Self {
            features: features.width(),
            penalty: fit.penalty(),
            training_stays: subsample.map(|_| train.len()),
            probabilities: fit.probabilities(&features.of(&dataset, &scored)),
        })
    }
}

fn labels(dataset: &Dataset, stays: &[usize]) -> Result<Vec<bool>, Error> {
    let label = |stay: &usize| {
        let stay = &dataset.stays[*stay];
        match stay.class()? {
            class @ (0 | 1) => Ok(class == 1),
            class => Err(Error::stage(format!(
                "stay {} has label {class}, and the baseline knows the labels 0 and 1",
                stay.id
            ))),
        }
    };
    stays.iter().map(label).collect()
}
