//! Losses and the training of the head against golden numbers of the PyTorch reference.

use candle_core::{Device, Tensor};
use pipeline_checkpoint::FloatTensor;
use pipeline_data::target::Truth;
use pipeline_model::host::HostParameters;
use pipeline_train::class_balance::{ClassWeights, Sampling};
use pipeline_train::config::{HeadSettings, Loss, SelectionMetric};
use pipeline_train::head::{HeadTrainer, LabelledFeatures};
use pipeline_train::loss::classification_loss;
use pipeline_train::optimizer::AdamW;
use pipeline_train::options::LoopOptions;
use pipeline_train::replay::ReplayFolder;
use pipeline_train::schedule::RateScale;

use crate::golden::{STAYS, TestResult, assert_within, config, in_both_forms, numbers, tensors};

#[test]
fn losses_give_the_references_numbers() -> TestResult {
    let golden = tensors("finetune.golden.safetensors");
    let labels: Vec<u32> = golden["focal.targets"]
        .to_vec1::<i64>()?
        .into_iter()
        .map(|label| label as u32)
        .collect();
    for (loss, name) in [
        (
            Loss::Focal {
                alpha: 0.25,
                gamma: 2.0,
            },
            "focal.loss",
        ),
        (
            Loss::CrossEntropy {
                label_smoothing: 0.1,
            },
            "ce_smooth0.1.loss",
        ),
    ] {
        let ours = classification_loss(&golden["focal.logits"], &labels, &loss)?;
        assert_within(name, &ours, &golden[name], 1e-5);
    }
    Ok(())
}

#[test]
fn twenty_head_steps_give_the_references_losses_and_weights() -> TestResult {
    in_both_forms(assert_head_steps)
}

fn assert_head_steps() -> TestResult {
    let golden = tensors("finetune.golden.safetensors");
    let weights = tensors("finetune.weights.safetensors");
    let settings = HeadSettings {
        epochs: 20,
        batch_size: 3,
        loss: Loss::Focal {
            alpha: 0.25,
            gamma: 2.0,
        },
        optimizer: AdamW {
            lr: 1e-3,
            betas: [0.9, 0.98],
            eps: 1e-8,
            weight_decay: 0.01,
        }
        .into(),
        clip_norm: 0.5,
        dropout: [0.0; 3],
        select: SelectionMetric::Loss,
        early_stopping: None,
        class_weights: ClassWeights::Equal,
        sampling: Sampling::Shuffle,
        options: LoopOptions::default(),
    };
    let parameters: HostParameters = weights
        .iter()
        .filter(|(name, _)| name.starts_with("cls_head."))
        .map(|(name, tensor)| {
            let shape = tensor.dims().to_vec();
            (
                name.clone(),
                FloatTensor {
                    shape,
                    values: numbers(tensor),
                },
            )
        })
        .collect();
    let trainable: Vec<String> = parameters.keys().cloned().collect();
    let replay = ReplayFolder::new("nowhere".into());
    let mut trainer = HeadTrainer::new(
        &Device::Cpu,
        &config(),
        &parameters,
        &trainable,
        &settings,
        0,
        &replay,
    )?;
    let rows: Vec<Tensor> = (0..STAYS)
        .map(|stay| golden[&format!("classification_only.{stay}.features")].unsqueeze(0))
        .collect::<candle_core::Result<_>>()?;
    let labels = golden["train.labels"].to_vec1::<i64>()?;
    let batch = LabelledFeatures {
        ids: (0..STAYS).map(|stay| stay.to_string()).collect(),
        features: Tensor::cat(&rows, 0)?,
        truth: Truth::Classes(labels.into_iter().map(|label| label as u32).collect()),
        shards: Vec::new(),
    };
    for (step, loss) in golden["train.losses"]
        .to_vec1::<f64>()?
        .into_iter()
        .enumerate()
    {
        let ours = trainer.step(std::slice::from_ref(&batch), RateScale::ONE)?;
        assert!(
            (ours - loss).abs() < 1e-5,
            "step {step}: {ours} is not {loss}"
        );
    }
    for (name, FloatTensor { shape, values }) in trainer.parameters()? {
        let ours = Tensor::from_vec(values, shape, &Device::Cpu)?;
        let name = format!("train.final.{name}");
        assert_within(&name, &ours, &golden[&name], 1e-4);
    }
    Ok(())
}
