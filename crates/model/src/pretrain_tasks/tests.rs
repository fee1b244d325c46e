//! Against the formulas in PyTorch: tests/fixtures/readout/make.py.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Var};

use super::super::config::{ClassifierConfig, ModelMode, Pooling, ReadoutConfig, TaskNames};
use super::super::ops::gradient_check::assert_close;
use super::super::ops::in_composed_form;
use super::super::readout::of_posterior;
use super::super::seqsetvae::parameter_specs;
use super::super::set_encoder::Posterior;
use super::super::tasks::ForecastTask;
use super::*;
use pipeline_data::dataset::{Dataset, Split, Stay};
use pipeline_random::Stream;

type Tensors = BTreeMap<String, Tensor>;

/// (stay, set by its place in the batch), as in make.py.
const MOMENTS: [(usize, usize); 5] = [(0, 2), (0, 0), (1, 7), (1, 5), (1, 5)];

fn golden() -> Tensors {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/readout/golden.safetensors");
    let read = candle_core::safetensors::load(path, &Device::Cpu);
    read.expect("the fixture is there").into_iter().collect()
}

fn config(value_dim: usize) -> ModelConfig {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    ModelConfig {
        latent_dim: 4,
        input_dim: 4,
        reduced_dim: 4,
        heads: 2,
        transformer_heads: 2,
        classifier: ClassifierConfig {
            pooling: Pooling::Readout,
            readout: ReadoutConfig {
                heads: 2,
                key_dim: 3,
                value_dim,
                output_dim: 5,
                max_variables: 3,
                shared_queries: 2,
            },
            ..ClassifierConfig::default()
        },
        readout_layout: Some(ReadoutLayout {
            own: names(&["a", "b", "c"]),
            sharing: names(&["d"]),
            tasks: TaskNames {
                summary: true,
                forecast: true,
            },
        }),
        ..ModelConfig::default()
    }
}

fn dataset() -> Dataset {
    let stay = |id: &str, sets| Stay {
        id: id.into(),
        split: Split::Train,
        label: None,
        sets,
    };
    Dataset {
        variables: ["a", "b", "c", "d"].map(String::from).to_vec(),
        stays: vec![stay("1", 0..3), stay("2", 3..8)],
        set_minute: vec![0.0, 70.0, 400.0, 5.0, 5.0, 90.0, 300.0, 1500.0],
        set_start: vec![0, 2, 3, 6, 7, 9, 10, 12, 13],
        event_variable: vec![0, 2, 0, 1, 3, 0, 2, 2, 1, 3, 0, 2, 1],
        event_value: vec![
            0.5, -1.0, 1.5, 0.2, 0.7, -0.5, 0.3, -0.6, 1.0, -1.2, 0.4, 2.0, -0.1,
        ],
        ..Dataset::default()
    }
}

fn tasks() -> Tasks {
    Tasks {
        summary: Some(1.0),
        forecast: Some(ForecastTask {
            weight: 1.0,
            hours: 6.0,
        }),
        sets: 3,
    }
}

/// The readout with its decoders of one of the fixture's forms, its parameters and inputs as variables.
fn form(
    golden: &Tensors,
    name: &str,
    value_dim: usize,
) -> Result<(PretrainTasks, BTreeMap<String, Var>)> {
    let prefix = format!("{name}.");
    let own = |(key, tensor): (&String, &Tensor)| {
        let kept = match key.starts_with("in.") {
            true => Some(key.as_str()),
            false => key.strip_prefix(&prefix),
        };
        let kept = kept.filter(|kept| !kept.starts_with("out.") && !kept.starts_with("grad."));
        kept.map(|kept| Ok((kept.to_string(), Var::from_tensor(tensor)?)))
    };
    let variables: BTreeMap<String, Var> = golden.iter().filter_map(own).collect::<Result<_>>()?;
    let parameters = variables
        .iter()
        .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
        .collect();
    let config = config(value_dim);
    let layout = config.readout_layout.clone().expect("a layout");
    let asked = PretrainTasks::new(&ParameterSource::given(&parameters), &config, &layout)?;
    Ok((asked, variables))
}

fn inputs(variables: &BTreeMap<String, Var>) -> Result<Tensor> {
    let input = |name: &str| variables[name].as_tensor().clone();
    let posterior = Posterior {
        mu: input("in.latents"),
        logvar: (input("in.std").log()? * 2.0)?,
    };
    let posterior = of_posterior(&input("in.latents"), &posterior)?;
    Readout::inputs(&input("in.hidden"), &posterior)
}

#[test]
fn readout_losses_and_gradients_are_those_of_the_formulas() -> Result<()> {
    assert_formulas()?;
    in_composed_form(assert_formulas)
}

fn assert_formulas() -> Result<()> {
    let golden = golden();
    let batch = Batch::new(&dataset(), &[0, 1], &Device::Cpu)?;
    for (name, value_dim) in [("whole", 0), ("projected", 2)] {
        let (asked, variables) = form(&golden, name, value_dim)?;
        let inputs = inputs(&variables)?;
        let said = asked.readout.forward(&inputs, &batch, &MOMENTS)?;
        assert_close(&said, &golden[&format!("{name}.out.said")], 2e-6);
        let losses = asked.losses_at(&MOMENTS, &tasks(), &inputs, &batch, 2)?;
        let mut total = None;
        for (task, loss) in losses.by_name() {
            let loss = loss.expect("both tasks are set");
            assert_close(&loss, &golden[&format!("{name}.out.{task}")], 2e-6);
            total = Some(match total {
                None => loss,
                Some(before) => (before + loss)?,
            });
        }
        let gradients = total.expect("a loss").backward()?;
        for (parameter, variable) in &variables {
            let gradient = gradients.get(variable.as_tensor()).expect("a gradient");
            let expected = &golden[&format!("{name}.grad.{parameter}")];
            assert_close(gradient, expected, 1e-5);
        }
    }
    Ok(())
}

/// What is asked depends on seed, step and stay alone, and every set of a stay may be asked about.
#[test]
fn moments_are_drawn_by_stay_whatever_the_batch() -> Result<()> {
    let (seeds, dropout) = (Stream::new(1, "seeds"), Stream::new(1, "dropout"));
    let moments = |stays: &[usize], step: u64| -> Result<Vec<(usize, usize)>> {
        let batch = Batch::new(&dataset(), stays, &Device::Cpu)?;
        let noise = Noise::training(&seeds, &dropout, step, 0);
        draw_moments(&batch, 8, &noise)
    };
    let (both, turned, second) = (
        moments(&[0, 1], 3)?,
        moments(&[1, 0], 3)?,
        moments(&[1], 3)?,
    );
    let of = |moments: &[(usize, usize)], place: usize, first: usize| -> Vec<usize> {
        let own = moments.iter().filter(|(stay, _)| *stay == place);
        own.map(|(_, set)| set - first).collect()
    };
    assert_eq!(of(&both, 1, 3), of(&turned, 0, 0));
    assert_eq!(of(&both, 1, 3), of(&second, 0, 0));
    assert_eq!(of(&both, 0, 0)[0], 2, "the last set comes first");
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..40 {
        let drawn = moments(&[1], step)?;
        assert_eq!((drawn.len(), drawn[0]), (8, (0, 4)));
        seen.extend(drawn);
    }
    assert_eq!(seen.len(), 5);
    Ok(())
}

/// Every parameter of the readout and its decoders gets a gradient, and no other model has them.
#[test]
fn parameters_belong_to_models_that_need_them() -> Result<()> {
    let names = |config: &ModelConfig, mode| -> Result<Vec<String>> {
        let specs = parameter_specs(config, mode)?.into_iter();
        Ok(specs.map(|spec| spec.name).collect())
    };
    let starts = |names: &[String], prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    let readout = config(0);
    let (pretrain, classifier) = (
        names(&readout, ModelMode::Pretrain)?,
        names(&readout, ModelMode::Classifier)?,
    );
    assert!(starts(&pretrain, "readout.") && starts(&pretrain, "forecast_decoder.shared."));
    assert!(starts(&classifier, "readout.") && !starts(&classifier, "summary_decoder."));
    let none = names(&ModelConfig::default(), ModelMode::Pretrain)?;
    assert!(!starts(&none, "readout.") && !starts(&none, "summary_decoder."));
    assert_eq!(readout.feature_dim(), 5 * 5);
    Ok(())
}

/// Time of a pass and its backward pass by the number of variables with queries of their own, for 2,000 variables.
#[test]
#[ignore = "a measurement: cargo test --release -p pipeline -p pipeline-model --lib -- --ignored --nocapture variables"]
fn cost_of_two_thousand_variables() -> Result<()> {
    const VARIABLES: usize = 2000;
    let mut draws = Stream::new(1, "many variables").at(&[]);
    let (stays, sets, events) = (4, 74, 6);
    let dataset = Dataset {
        variables: (0..VARIABLES)
            .map(|number| format!("{number:04}"))
            .collect(),
        stays: (0..stays)
            .map(|stay| Stay {
                id: stay.to_string(),
                split: Split::Train,
                label: None,
                sets: stay * sets..(stay + 1) * sets,
            })
            .collect(),
        set_minute: (0..stays * sets)
            .map(|set| (set % sets) as f64 * 39.0)
            .collect(),
        set_start: (0..=stays * sets)
            .map(|set| (set * events) as u32)
            .collect(),
        event_variable: (0..stays * sets * events)
            .map(|_| draws.below(VARIABLES as u64) as u32)
            .collect(),
        event_value: (0..stays * sets * events)
            .map(|_| draws.normal() as f32)
            .collect(),
        ..Dataset::default()
    };
    let batch = Batch::new(&dataset, &[0, 1, 2, 3], &Device::Cpu)?;
    let tasks = Tasks { sets: 8, ..tasks() };
    for max_variables in [125, 256, 500, 1000, VARIABLES] {
        let mut config = ModelConfig {
            latent_dim: 64,
            ..config(0)
        };
        config.classifier.readout = ReadoutConfig {
            max_variables,
            ..ReadoutConfig::default()
        };
        let names = config.readout_layout.as_ref().map(|layout| layout.tasks);
        let layout = ReadoutLayout::of(&dataset, max_variables, names.unwrap_or_default());
        config.readout_layout = Some(layout.clone());
        let specs = parameter_specs(&config, ModelMode::Pretrain)?;
        let own = specs.iter().filter(|spec| {
            ["readout.", "summary_decoder.", "forecast_decoder."]
                .iter()
                .any(|prefix| spec.name.starts_with(prefix))
        });
        let mut numbers = 0;
        let mut parameters = super::super::parameter::Parameters::new();
        for spec in own {
            let values = spec.initial_values(1);
            numbers += values.len();
            let tensor = Tensor::from_vec(values, spec.shape.as_slice(), &Device::Cpu)?;
            parameters.insert(spec.name.clone(), Var::from_tensor(&tensor)?.into_inner());
        }
        let asked = PretrainTasks::new(&ParameterSource::given(&parameters), &config, &layout)?;
        let inputs = super::super::ops::gradient_check::numbers(2, (stays * sets, 192))?;
        let inputs = Var::from_tensor(&inputs)?.into_inner();
        let seeds = Stream::new(1, "seeds");
        let noise = Noise::Evaluation { seeds: &seeds };
        let begun = std::time::Instant::now();
        for _ in 0..3 {
            let losses = asked.losses(&tasks, &inputs, &batch, stays, &noise)?;
            let total = losses.by_name().into_iter().filter_map(|(_, loss)| loss);
            total
                .reduce(|a, b| (a + b).expect("a sum"))
                .expect("a loss")
                .backward()?;
        }
        let milliseconds = begun.elapsed().as_secs_f64() * 1e3 / 3.0 / stays as f64;
        println!(
            "{max_variables} of {VARIABLES} variables with their own queries: {milliseconds:.1} ms a stay, {numbers} numbers"
        );
    }
    Ok(())
}
