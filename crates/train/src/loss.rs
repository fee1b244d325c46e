//! Losses of a classifier's logits.

use candle_core::{Device, Result, Tensor};

use super::config::Loss;

/// As [`classification_loss`], but a stay counts the weight of its class: the sum of the weighted
/// losses over the sum of the weights, as torch's `cross_entropy(…, weight, label_smoothing)`. The
/// smoothed share of a target counts the weight of the class that it falls on.
pub fn weighted_classification_loss(
    logits: &Tensor,
    labels: &[u32],
    loss: &Loss,
    class_weights: Option<&[f32]>,
) -> Result<Tensor> {
    let Some(class_weights) = class_weights else {
        return classification_loss(logits, labels, loss);
    };
    let (stays, classes) = logits.dims2()?;
    let log_probabilities = log_softmax(logits)?;
    let one_hot = one_hot(labels, classes, logits.device())?;
    let by_class = Tensor::from_slice(class_weights, (1, classes), logits.device())?;
    let weights = one_hot.broadcast_mul(&by_class)?.sum(1)?;
    let of_truth = (&log_probabilities * &one_hot)?.sum(1)?;
    let in_all = weights.sum_all()?;
    match *loss {
        Loss::Focal { alpha, gamma } => {
            let alphas = alphas(labels, alpha);
            let alphas = Tensor::from_vec(alphas, stays, logits.device())?;
            let focused = focused((alphas * &of_truth)?, &of_truth, gamma)?;
            (focused * weights)?.sum_all()?.neg()? / in_all
        }
        Loss::CrossEntropy { label_smoothing } => {
            let truth = (of_truth * weights)?.sum_all()?;
            let smooth = log_probabilities.broadcast_mul(&by_class)?.sum_all()?;
            let smooth = (smooth * (label_smoothing / classes as f64))?;
            ((truth * (1.0 - label_smoothing))? + smooth)?.neg()? / in_all
        }
    }
}

/// α of class 1, 1 − α of every other.
fn alphas(labels: &[u32], alpha: f64) -> Vec<f32> {
    let alpha = |label: &u32| if *label == 1 { alpha } else { 1.0 - alpha } as f32;
    labels.iter().map(alpha).collect()
}

/// `losses` times (1 − p)^γ, where `of_truth` is log p.
fn focused(losses: Tensor, of_truth: &Tensor, gamma: f64) -> Result<Tensor> {
    if gamma == 0.0 {
        return Ok(losses);
    }
    // Away from 0, where a power below 1 has an infinite slope.
    let doubt = (1.0 - of_truth.exp()?)?.maximum(1e-7)?;
    doubt.powf(gamma)? * losses
}

/// Mean loss of `logits` [stays, classes] for the true `labels`: a scalar.
pub fn classification_loss(logits: &Tensor, labels: &[u32], loss: &Loss) -> Result<Tensor> {
    let (stays, classes) = logits.dims2()?;
    let log_probabilities = log_softmax(logits)?;
    let one_hot = one_hot(labels, classes, logits.device())?;
    let of_truth = (&log_probabilities * &one_hot)?.sum(1)?;
    match *loss {
        Loss::Focal { alpha, gamma } => {
            let alphas = alphas(labels, alpha);
            let weighted = (Tensor::from_vec(alphas, stays, logits.device())? * &of_truth)?;
            focused(weighted, &of_truth, gamma)?.mean_all()?.neg()
        }
        Loss::CrossEntropy { label_smoothing } => {
            let truth = (of_truth.mean_all()? * (label_smoothing - 1.0))?;
            truth - (log_probabilities.mean_all()? * label_smoothing)?
        }
    }
}

/// log softmax over the classes; [stays, classes].
pub fn log_softmax(logits: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)
}

fn one_hot(labels: &[u32], classes: usize, device: &Device) -> Result<Tensor> {
    let mut rows = vec![0f32; labels.len() * classes];
    for (row, label) in rows.chunks_exact_mut(classes).zip(labels) {
        match row.get_mut(*label as usize) {
            Some(place) => *place = 1.0,
            None => candle_core::bail!("label {label} is none of {classes} classes"),
        }
    }
    Tensor::from_vec(rows, (labels.len(), classes), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits() -> Result<Tensor> {
        Tensor::new(&[[0.2f32, -0.4], [1.5, 0.3], [-0.7, 2.0]], &Device::Cpu)
    }

    #[test]
    fn focal_with_gamma_zero_is_weighted_cross_entropy() -> Result<()> {
        let labels = [0, 1, 1];
        let focal = Loss::Focal {
            alpha: 0.5,
            gamma: 0.0,
        };
        let entropy = Loss::CrossEntropy {
            label_smoothing: 0.0,
        };
        let halved = classification_loss(&logits()?, &labels, &focal)?.to_scalar::<f32>()?;
        let whole = classification_loss(&logits()?, &labels, &entropy)?.to_scalar::<f32>()?;
        assert!((2.0 * halved - whole).abs() < 1e-6);
        Ok(())
    }

    /// torch 2: cross_entropy(logits, [0, 1, 2, 1], weight=[1, 2, 5]), with label_smoothing=0.1,
    /// and sum(w·f)/sum(w) of the focal losses f by its formula, alpha=0.25, gamma=2.
    #[test]
    fn weights_of_classes_are_torchs() -> Result<()> {
        let logits = [
            [0.2f32, -0.4, 0.1],
            [1.5, 0.3, -1.0],
            [-0.7, 2.0, 0.4],
            [0.0, 0.6, -0.3],
        ];
        let logits = Tensor::new(&logits, &Device::Cpu)?;
        let entropy = |label_smoothing| Loss::CrossEntropy { label_smoothing };
        let focal = Loss::Focal {
            alpha: 0.25,
            gamma: 2.0,
        };
        let loss = |loss: Loss, weights: Option<&[f32]>| -> Result<f32> {
            weighted_classification_loss(&logits, &[0, 1, 2, 1], &loss, weights)?.to_scalar()
        };
        let weights = Some(&[1f32, 2.0, 5.0][..]);
        for (found, expected) in [
            (loss(entropy(0.0), weights)?, 1.447_920_9),
            (loss(entropy(0.1), weights)?, 1.467_953_6),
            (loss(focal, weights)?, 0.565_751),
            (loss(entropy(0.1), None)?, 1.247_732),
            (loss(entropy(0.1), Some(&[3.0; 3]))?, 1.247_732),
            (loss(focal, None)?, 0.371_117),
        ] {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        Ok(())
    }

    #[test]
    fn a_label_outside_the_classes_is_an_error() -> Result<()> {
        let loss = Loss::default();
        let error = classification_loss(&logits()?, &[0, 1, 2], &loss).unwrap_err();
        assert!(error.to_string().contains("label 2"), "{error}");
        Ok(())
    }
}
