//! Training throughput at full size, or of a small model with `--width 64`:
//! `cargo bench --bench pretrain -- --patients 24 --sets 74 --batch 8 [--device cuda:0] [--precision bf16]`; with `--infer`
//! that of the frozen backbone's features, each stay in a pass of its own as in the stage `:features`.
//! `pairs.py` beside this file runs it in turn with a batched PyTorch program.
//!
//! Made-up stays as in the batched PyTorch program it is set beside: sets of 1 to 11 events of 37
//! variables, AdamW, clipping. One epoch to warm up, then one that is timed, with the validation
//! of one stay of two sets between them. Prints one JSON document.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use candle_core::{Device, Tensor};
use pipeline_data::dataset::{Dataset, Split, Stay};
use pipeline_model::backbone::Backbone;
use pipeline_model::batch::Batch;
use pipeline_model::config::{ModelConfig, ModelMode};
use pipeline_model::host::{initial_parameters, to_device};
use pipeline_model::objective::Objective;
use pipeline_model::parameter::ParameterSource;
use pipeline_model::precision::Precision;
use pipeline_model::seqsetvae::parameter_specs;
use pipeline_random::Stream;
use pipeline_train::config::PretrainSettings;
use pipeline_train::monitor::MonitorSettings;
use pipeline_train::optimizer::AdamW;
use pipeline_train::options::LoopOptions;
use pipeline_train::pretrain::Pretraining;
use pipeline_train::replay::ReplayFolder;
use pipeline_train::resume::ResumeFile;
use pipeline_train::watch::Watch;
use rayon::prelude::*;

const VARIABLES: usize = 37;
const EPOCHS: usize = 2;

fn main() {
    pipeline_train::memory::keep_what_is_freed();
    // As the program does: the matrix product must not start threads of its own below ours.
    // SAFETY: no other thread has been started yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    let arguments: Vec<String> = std::env::args().collect();
    // `cargo test --benches` only wants to know that it starts.
    if arguments.iter().any(|argument| argument == "--test") {
        return;
    }
    let word = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)).map(String::as_str)
    };
    let number = |name: &str, default: usize| {
        word(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (stays, sets) = (number("--patients", 24), number("--sets", 74));
    let (batch_size, threads) = (number("--batch", 8), number("--threads", 2));
    let device = word("--device").unwrap_or("cpu");
    let opened = pipeline_device::open(device).expect("a device");
    let precision = match word("--precision") {
        None | Some("f32") => Precision::F32,
        Some("tf32") => Precision::Tf32,
        Some("bf16") => Precision::Bf16,
        Some(other) => panic!("{other} is no precision: f32, tf32 or bf16"),
    };
    let options = LoopOptions {
        precision,
        ..LoopOptions::default()
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(8 << 20)
        .build()
        .expect("threads");
    let clock = Clock::default();
    let model = model(number("--width", 0));
    let dataset = dataset(stays, sets, model.input_dim);
    let infers = arguments.iter().any(|argument| argument == "--infer");
    let seconds = match infers {
        true => pool.install(|| infer(&dataset, &model, stays, &opened)),
        false => {
            pool.install(|| train(&dataset, &model, (batch_size, options), &opened, &clock));
            clock.last_epoch(stays as u64).as_secs_f64()
        }
    };
    println!(
        "{{\"stays_per_second\": {:.3}, \"width\": {}, \"stays\": {stays}, \"sets\": {sets}, \"batch\": {batch_size}, \"threads\": {threads}, \"device\": \"{device}\", \"precision\": \"{}\", \"seconds\": {seconds:.3}}}",
        stays as f64 / seconds,
        model.latent_dim,
        precision.name()
    );
}

/// The full-size model, or one as in the shipped recipes.
fn model(width: usize) -> ModelConfig {
    match width {
        0 => ModelConfig::default(),
        _ => ModelConfig {
            input_dim: width,
            reduced_dim: width,
            latent_dim: width,
            inducing_points: 8,
            ff_dim: 2 * width,
            transformer_heads: 4,
            transformer_layers: 2,
            ..ModelConfig::default()
        },
    }
}

/// Seconds that the features of all training stays take, after a pass to warm up.
fn infer(dataset: &Dataset, model: &ModelConfig, stays: usize, device: &Device) -> f64 {
    let specs = parameter_specs(model, ModelMode::Classifier).expect("the default model");
    let parameters = to_device(&initial_parameters(&specs, 1), device).expect("a device");
    let backbone =
        Backbone::new(&ParameterSource::given(&parameters), model).expect("a whole backbone");
    let shape = (VARIABLES, model.input_dim);
    let embeddings =
        Tensor::from_slice(&dataset.embeddings, shape, device).expect("embeddings of the data");
    let pass = || {
        (0..stays).into_par_iter().for_each(|stay| {
            let batch = Batch::new(dataset, &[stay], device).expect("a batch");
            let features = backbone
                .forward(&batch, &embeddings)
                .expect("a pass")
                .features;
            assert!(
                features
                    .flatten_all()
                    .and_then(|all| all.to_vec1::<f32>())
                    .is_ok()
            );
        });
    };
    pass();
    let start = Instant::now();
    pass();
    start.elapsed().as_secs_f64()
}

fn train(
    dataset: &Dataset,
    model: &ModelConfig,
    (batch_size, options): (usize, LoopOptions),
    device: &Device,
    clock: &Clock,
) {
    let settings = PretrainSettings {
        objective: Objective::Reference,
        tasks: None,
        epochs: EPOCHS,
        batch_size,
        optimizer: AdamW {
            lr: 5e-5,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.02,
        }
        .into(),
        clip_norm: 0.2,
        free_bits: 0.03,
        max_beta: 0.05,
        beta_warmup_steps: 8000,
        dropout: 0.15,
        early_stopping: None,
        options,
        monitor: MonitorSettings::default(),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let never = Duration::from_secs(u64::MAX);
    let training = Pretraining {
        dataset,
        model,
        settings: &settings,
        seed: 1,
        device,
        watch: clock,
        resume: &ResumeFile::new(folder.path().join("resume.safetensors"), never),
        replay: &ReplayFolder::new(folder.path().join("replay")),
    };
    let specs = parameter_specs(model, ModelMode::Pretrain).expect("the default model");
    let initial = initial_parameters(&specs, 1);
    training.run(initial).expect("training runs");
}

/// Stays to train on, and one of two sets to validate on.
fn dataset(stays: usize, sets: usize, dim: usize) -> Dataset {
    let draw = Stream::new(0, "stays of the bench");
    let mut numbers = draw.at(&[]);
    let mut dataset = Dataset {
        variables: (0..VARIABLES).map(|number| number.to_string()).collect(),
        embedding_dim: dim,
        embeddings: (0..VARIABLES * dim)
            .map(|_| numbers.normal() as f32)
            .collect(),
        set_start: vec![0],
        ..Dataset::default()
    };
    for number in 0..=stays {
        let first = dataset.set_minute.len();
        let (split, sets) = match number == stays {
            true => (Split::Validation, 2),
            false => (Split::Train, sets),
        };
        let mut minute = 0.0;
        for _ in 0..sets {
            minute += 5.0 + 70.0 * numbers.uniform();
            dataset.set_minute.push(minute);
            for _ in 0..1 + numbers.below(11) {
                let variable = numbers.below(VARIABLES as u64) as u32;
                dataset.event_variable.push(variable);
                dataset.event_value.push(numbers.normal() as f32);
            }
            dataset.set_start.push(dataset.event_value.len() as u32);
        }
        dataset.stays.push(Stay {
            id: number.to_string(),
            split,
            label: Some(0),
            sets: first..dataset.set_minute.len(),
        });
    }
    dataset
}

/// Notes when each batch was done.
#[derive(Default)]
struct Clock(Mutex<Vec<(u64, Instant)>>);

impl Clock {
    /// From the end of the epoch before to the end of the last batch.
    fn last_epoch(&self, stays: u64) -> Duration {
        let batches = self.0.lock().expect("nobody panicked");
        let end = |done: u64| {
            batches
                .iter()
                .find(|(seen, _)| *seen == done)
                .expect("a batch")
                .1
        };
        end(stays * EPOCHS as u64) - end(stays)
    }
}

impl Watch for Clock {
    fn progress(&self, done: u64, _: u64, _: String) {
        self.0
            .lock()
            .expect("nobody panicked")
            .push((done, Instant::now()));
    }

    fn note(&self, line: &str) {
        eprintln!("{line}");
    }

    fn is_interrupted(&self) -> bool {
        false
    }
}
