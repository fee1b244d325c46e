//! The posterior's monitor in a pretraining: what it writes down, says, and goes on from.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use candle_core::Device;
use pipeline_data::dataset::{Dataset, Split, Stay};
use pipeline_error::Error;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::host::initial_parameters;
use pipeline_model::objective::Objective;
use pipeline_model::seqsetvae::parameter_specs;
use pipeline_random::Stream;
use pipeline_train::config::PretrainSettings;
use pipeline_train::history::History;
use pipeline_train::monitor::MonitorSettings;
use pipeline_train::optimizer::AdamW;
use pipeline_train::options::LoopOptions;
use pipeline_train::pretrain::{Pretrained, Pretraining};
use pipeline_train::replay::ReplayFolder;
use pipeline_train::resume::ResumeFile;
use pipeline_train::watch::Watch;

use crate::document::{artifact, repository, stage};
use crate::harness::Test;

const TRAIN: usize = 10;
const STAYS: usize = 13;
const BATCH: usize = 4;
const EPOCHS: usize = 3;
/// Three an epoch.
const STEPS: usize = TRAIN.div_ceil(BATCH) * EPOCHS;
const WINDOW: usize = 4;

fn model() -> ModelConfig {
    ModelConfig {
        input_dim: 6,
        reduced_dim: 4,
        latent_dim: 4,
        levels: 1,
        heads: 2,
        inducing_points: 2,
        ff_dim: 8,
        transformer_heads: 2,
        transformer_layers: 1,
        ..ModelConfig::default()
    }
}

fn dataset() -> Dataset {
    let (variables, dim) = (5, model().input_dim);
    let mut numbers = Stream::new(0, "stays").at(&[]);
    let mut dataset = Dataset {
        variables: (0..variables).map(|number| number.to_string()).collect(),
        embedding_dim: dim,
        embeddings: (0..variables * dim)
            .map(|_| numbers.normal() as f32)
            .collect(),
        set_start: vec![0],
        ..Dataset::default()
    };
    for number in 0..STAYS {
        let first = dataset.set_minute.len();
        for set in 0..=numbers.below(4) {
            dataset.set_minute.push(set as f64 * 30.0);
            for variable in 0..=numbers.below(variables as u64 - 1) {
                dataset.event_variable.push(variable as u32);
                dataset.event_value.push(numbers.normal() as f32);
            }
            dataset.set_start.push(dataset.event_value.len() as u32);
        }
        dataset.stays.push(Stay {
            id: number.to_string(),
            split: match number < TRAIN {
                true => Split::Train,
                false => Split::Validation,
            },
            label: Some(0),
            sets: first..dataset.set_minute.len(),
        });
    }
    dataset
}

/// Interrupts after so many steps, and remembers what was said.
struct Listener {
    stop_after: usize,
    steps: AtomicUsize,
    notes: Mutex<Vec<String>>,
}

impl Watch for Listener {
    fn progress(&self, _: u64, _: u64, _: String) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    fn note(&self, line: &str) {
        self.notes
            .lock()
            .expect("nobody panicked")
            .push(line.into());
    }

    fn is_interrupted(&self) -> bool {
        self.steps.load(Ordering::Relaxed) >= self.stop_after
    }
}

/// Warns of all but the variance, which is too far from 1 for any threshold.
fn monitor() -> MonitorSettings {
    MonitorSettings {
        window: WINDOW,
        active_variance: 1e6,
        min_active_fraction: 0.5,
        min_kl_over_floor: 1e6,
        min_variance_deviation: 0.0,
        min_logvar_variance: 1e6,
    }
}

/// Trains until it is done or was told to stop; the outcome, and what was said.
fn train(
    folder: &Path,
    monitor: MonitorSettings,
    stop_after: usize,
) -> (Result<Pretrained, Error>, Vec<String>) {
    let listener = Listener {
        stop_after,
        steps: AtomicUsize::new(0),
        notes: Mutex::default(),
    };
    let (model, dataset) = (model(), dataset());
    let settings = PretrainSettings {
        epochs: EPOCHS,
        batch_size: BATCH,
        optimizer: AdamW {
            lr: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.02,
        }
        .into(),
        clip_norm: 0.2,
        free_bits: 0.03,
        max_beta: 0.05,
        beta_warmup_steps: 5,
        dropout: 0.1,
        objective: Objective::default(),
        tasks: None,
        early_stopping: None,
        options: LoopOptions::default(),
        monitor,
    };
    let never = Duration::from_secs(1 << 40);
    let training = Pretraining {
        dataset: &dataset,
        model: &model,
        settings: &settings,
        seed: 7,
        device: &Device::Cpu,
        watch: &listener,
        resume: &ResumeFile::new(folder.join("resume.safetensors"), never),
        replay: &ReplayFolder::new(folder.join("replay")),
    };
    let specs = parameter_specs(&model, ModelMode::Pretrain).expect("a sound model");
    let outcome = training.run(initial_parameters(&specs, 7));
    (outcome, listener.notes.into_inner().expect("no panic"))
}

fn undisturbed(monitor: MonitorSettings) -> (Pretrained, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (outcome, notes) = train(folder.path(), monitor, usize::MAX);
    (outcome.expect("it trains"), notes)
}

#[test]
fn after_any_step_an_interrupted_pretraining_goes_on_to_the_same_history_and_warnings() {
    let (whole, said) = undisturbed(monitor());
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(whole.collapse_warnings, 3);
    for line in &said {
        assert!(line.contains("on validation after epoch 1"), "{line}");
    }
    for stop_after in 0..=STEPS {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (stopped, mut notes) = train(folder.path(), monitor(), stop_after);
        assert!(matches!(stopped, Err(Error::Interrupted)), "{stop_after}");
        let (resumed, more) = train(folder.path(), monitor(), usize::MAX);
        let resumed = resumed.expect("it goes on");
        notes.extend(more);
        notes.retain(|line| !line.starts_with("goes on in epoch"));
        assert_eq!(notes, said, "{stop_after}");
        assert_eq!(resumed.history, whole.history, "{stop_after}");
        assert_eq!(resumed.collapse_warnings, whole.collapse_warnings);
        assert!(resumed.parameters == whole.parameters, "{stop_after}");
    }
}

#[test]
fn a_warning_of_the_window_names_its_steps() {
    let monitor = MonitorSettings {
        window: 2,
        ..monitor()
    };
    let (_, said) = undisturbed(monitor);
    assert_eq!(said.len(), 3, "{said:?}");
    for (line, threshold) in said.iter().zip([
        "monitor.min_active_fraction = 0.5",
        "monitor.min_kl_over_floor = 1000000",
        "monitor.min_logvar_variance = 1e6",
    ]) {
        assert!(line.starts_with("warning: "), "{line}");
        assert!(line.contains("over steps 1 to 2"), "{line}");
        assert!(line.contains(threshold), "{line}");
    }
}

#[test]
fn watching_changes_no_weight_and_no_loss() {
    let (one, _) = undisturbed(monitor());
    let (other, said) = undisturbed(MonitorSettings {
        window: 1000,
        min_active_fraction: 0.0,
        min_kl_over_floor: 0.0,
        min_logvar_variance: 0.0,
        ..monitor()
    });
    assert!(said.is_empty(), "{said:?}");
    assert!(one.parameters == other.parameters);
    for name in ["train_reconstruction", "validation_loss", "posterior_kl"] {
        assert_eq!(one.history.column(name), other.history.column(name));
    }
    let steps = |history: &History| history.column("train_window_steps");
    assert_eq!(steps(&one.history), [3.0, 4.0, 4.0].map(Some));
    assert_eq!(steps(&other.history), [3.0, 6.0, 9.0].map(Some));
}

const POSTERIOR: [&str; 11] = [
    "posterior_kl",
    "posterior_kl_min",
    "posterior_kl_median",
    "posterior_kl_max",
    "posterior_kl_floor_fraction",
    "posterior_variance",
    "posterior_variance_min",
    "posterior_variance_max",
    "posterior_active_units",
    "posterior_mu_variance",
    "posterior_logvar_variance",
];

#[test]
fn the_history_of_the_default_recipe_holds_what_was_watched() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let mut test = Test::new();
    let small = ["vars.stays=160", "stages.pretrain.epochs=2"];
    let set = small.into_iter().flat_map(|value| ["--set", value]);
    let run = ["run", &recipe, "pretrain", "--format", "json"];
    let document = test.run_with(run.into_iter().chain(set)).success().json();
    let path = artifact(&document, "pretrain", "history");
    let history = History::read_parquet(&path).expect("a history");

    let mut expected: Vec<String> = POSTERIOR.map(String::from).to_vec();
    expected.push("train_window_steps".into());
    expected.push("train_window_reconstruction".into());
    expected.extend(POSTERIOR.map(|name| format!("train_{name}")));
    expected.push("collapse_warnings".into());
    assert_eq!(history.columns()[9..], expected);

    let number = |name: &str| history.column(name)[1].expect("it is defined");
    assert_eq!(number("train_window_steps"), number("step"));
    let metrics = &stage(&document, "pretrain")["metrics"];
    let best = metrics["best_epoch"].as_u64().expect("an epoch") as usize - 1;
    for prefix in ["", "train_"] {
        let number = |name: &str| number(&format!("{prefix}{name}"));
        let kl = number("posterior_kl");
        assert!(kl > 0.0);
        assert!(number("posterior_kl_min") <= number("posterior_kl_median"));
        assert!(number("posterior_kl_median") <= number("posterior_kl_max"));
        assert!(number("posterior_kl_max") <= kl && kl <= 32.0 * number("posterior_kl_max"));
        assert!((0.0..=1.0).contains(&number("posterior_kl_floor_fraction")));
        let between = number("posterior_variance_min")..=number("posterior_variance_max");
        assert!(between.contains(&number("posterior_variance")));
        assert!((0.0..=32.0).contains(&number("posterior_active_units")));
        assert_eq!(number("posterior_active_units").fract(), 0.0);
        assert!(number("posterior_mu_variance") > 0.0);
        assert!(number("posterior_logvar_variance") > 0.0);
    }
    for name in POSTERIOR {
        let stored = history.column(name)[best].expect("a number");
        let told = metrics[name].as_f64().expect("a number");
        // As text it has 17 digits, whose last one the parser of these tests may read one bit off.
        assert!(
            (told - stored).abs() <= f64::EPSILON * stored.abs(),
            "{name}: {told} is not {stored}"
        );
    }
    let warnings = history.column("collapse_warnings").pop().flatten();
    assert_eq!(metrics["collapse_warnings"].as_f64(), warnings);
}

#[test]
fn a_window_or_threshold_that_cannot_be_is_a_mistake_of_the_recipe() {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    for (change, complaint) in [
        (
            "window=0",
            "`stages.pretrain.monitor.window` must be at least 1",
        ),
        ("min_active_fraction=1.5", "must be at most 1"),
        ("windw=5", "did you mean `window`?"),
    ] {
        let change = format!("stages.pretrain.monitor.{change}");
        let mut test = Test::new();
        let outcome = test.run_with(["check", &recipe, "--set", &change]);
        outcome.failure(2).stderr_has(complaint);
    }
}
