//! What a training says to whoever reads along, and why it fails.

use std::sync::Mutex;

use super::*;
use crate::course::Course;

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Watch for Notes {
    fn progress(&self, _: u64, _: u64, _: String) {}
    fn note(&self, line: &str) {
        self.0.lock().unwrap().push(line.into());
    }
    fn is_interrupted(&self) -> bool {
        false
    }
}

#[test]
fn a_last_norm_of_two_numbers_is_told_and_a_wider_one_or_none_is_not() {
    let told = |latent_dim: usize, head: HeadKind| {
        let mut model = ModelConfig {
            latent_dim,
            ..ModelConfig::default()
        };
        model.classifier.head = head;
        let parameters = initial_of(&model);
        let names: Vec<String> = parameters.keys().cloned().collect();
        let (settings, replay) = (settings(), ReplayFolder::new("nowhere".into()));
        let trainer = HeadTrainer::new(
            &Device::Cpu,
            &model,
            &parameters,
            &names,
            &settings,
            3,
            &replay,
        );
        let of_width = |mut rows: LabelledFeatures| {
            let copies = vec![&rows.features; latent_dim / 8];
            rows.features = Tensor::cat(&copies, 1).unwrap();
            rows
        };
        let (train, validation) = (of_width(rows(TRAIN, 1)), of_width(rows(8, 2)));
        let notes = Notes::default();
        train_head(
            trainer.unwrap(),
            &train,
            &validation,
            &from_nothing(),
            &notes,
        )
        .unwrap();
        notes.0.into_inner().unwrap()
    };
    let narrow = told(8, HeadKind::Mlp);
    assert_eq!(narrow.len(), 1);
    assert!(narrow[0].starts_with("warning: the last norm of the head `mlp` has two numbers"));
    assert!(told(16, HeadKind::Mlp).is_empty());
    assert!(told(8, HeadKind::Linear).is_empty());
}

#[test]
fn a_score_that_is_undefined_names_the_setting_that_asks_for_it() {
    let undefined = HeadValidation {
        loss: 0.5,
        auroc: None,
        average_precision: None,
        errors: None,
    };
    let said = |select, metric| {
        let settings = HeadSettings {
            select,
            early_stopping: Some(EarlyStopping {
                patience: 1,
                min_delta: 0.0,
                metric,
                mode: None,
            }),
            ..settings()
        };
        let rule = settings.early_stopping.as_ref();
        let mut course = Course::new(&settings.options, rule, 4, TRAIN, 4).unwrap();
        let error = steer::steer(&mut course, &settings, &undefined).unwrap_err();
        format!("{error} ({})", error.hint().unwrap_or_default())
    };
    let (auroc, loss) = (SelectionMetric::Auroc, SelectionMetric::Loss);
    assert_eq!(
        said(loss, Some(auroc)),
        "auroc, which `early_stopping.metric` asks for, is undefined on the validation split (the validation split needs stays \
         of every class; or set `early_stopping.metric = \"loss\"`)"
    );
    let by_select = said(auroc, None);
    assert!(by_select.starts_with("auroc, which `select` asks for, is undefined"));
    assert!(by_select.ends_with("or set `select = \"loss\"`)"));
}
