//! Losses of a classifier's logits.

use candle_core::{Device, Result, Tensor};

use super::config::Loss;

/// Mean loss of `logits` [stays, classes] for the true `labels`: a scalar.
pub fn classification_loss(logits: &Tensor, labels: &[u32], loss: &Loss) -> Result<Tensor> {
    let (stays, classes) = logits.dims2()?;
    let log_probabilities = log_softmax(logits)?;
    let one_hot = one_hot(labels, classes, logits.device())?;
    let of_truth = (&log_probabilities * &one_hot)?.sum(1)?;
    match *loss {
        Loss::Focal { alpha, gamma } => {
            let weights: Vec<f32> = labels
                .iter()
                .map(|label| if *label == 1 { alpha } else { 1.0 - alpha } as f32)
                .collect();
            let weighted = (Tensor::from_vec(weights, stays, logits.device())? * &of_truth)?;
            if gamma == 0.0 {
                return weighted.mean_all()?.neg();
            }
            // Away from 0, where a power below 1 has an infinite slope.
            let doubt = (1.0 - of_truth.exp()?)?.maximum(1e-7)?;
            (doubt.powf(gamma)? * weighted)?.mean_all()?.neg()
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

    #[test]
    fn a_label_outside_the_classes_is_an_error() -> Result<()> {
        let loss = Loss::default();
        let error = classification_loss(&logits()?, &[0, 1, 2], &loss).unwrap_err();
        assert!(error.to_string().contains("label 2"), "{error}");
        Ok(())
    }
}
