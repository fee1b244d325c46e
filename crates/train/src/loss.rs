//! Losses of what a head says: logits of classes or labels, or numbers.

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
        Loss::Mse | Loss::Huber { .. } => candle_core::bail!("classes have no squared error"),
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
        Loss::Mse | Loss::Huber { .. } => candle_core::bail!("classes have no squared error"),
    }
}

/// Mean cross entropy of `logits` [stays, labels] for the labels that stays have, row-major [stays, labels]: a scalar, as
/// torch's `binary_cross_entropy_with_logits`.
pub fn label_loss(logits: &Tensor, has: &[bool]) -> Result<Tensor> {
    let targets: Vec<f32> = has.iter().map(|has| f32::from(u8::from(*has))).collect();
    let targets = Tensor::from_vec(targets, logits.shape(), logits.device())?;
    // log(1 + exp(z)), without overflow.
    let distances = (logits.abs()?.neg()?.exp()? + 1.0)?.log()?;
    let positive = (logits.relu()? + distances)?;
    (positive - (logits * targets)?)?.mean_all()
}

/// Mean loss of the numbers `said` [stays, 1] where `truth` is true, both in standard deviations: a scalar, as torch's
/// `mse_loss` and `huber_loss`.
pub fn number_loss(said: &Tensor, truth: &[f64], loss: &Loss) -> Result<Tensor> {
    let truth: Vec<f32> = truth.iter().map(|number| *number as f32).collect();
    let truth = Tensor::from_vec(truth, said.shape(), said.device())?;
    let distance = (said - truth)?;
    match *loss {
        Loss::Mse => distance.sqr()?.mean_all(),
        Loss::Huber { delta } => {
            let distance = distance.abs()?;
            let near = distance.minimum(delta)?;
            let far = (&distance - &near)?;
            ((near.sqr()? * 0.5)? + (far * delta)?)?.mean_all()
        }
        Loss::Focal { .. } | Loss::CrossEntropy { .. } => {
            candle_core::bail!("numbers have no cross entropy")
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

    /// The loss and its gradient by `said`.
    fn with_gradient(
        said: &[f32],
        shape: (usize, usize),
        loss: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<(f32, Vec<f32>)> {
        let said = candle_core::Var::from_slice(said, shape, &Device::Cpu)?;
        let loss = loss(&said)?;
        let gradients = loss.backward()?;
        let gradient = gradients.get(&said).expect("a gradient");
        Ok((loss.to_scalar()?, gradient.flatten_all()?.to_vec1()?))
    }

    #[track_caller]
    fn assert_near(found: (f32, Vec<f32>), loss: f32, gradient: &[f32]) {
        assert!((found.0 - loss).abs() < 1e-6, "{} is not {loss}", found.0);
        for (found, wanted) in found.1.iter().zip(gradient) {
            assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
        }
    }

    /// Values of torch 2.8 in double precision: `binary_cross_entropy_with_logits`, `mse_loss`, `huber_loss(delta=1.5)`.
    #[test]
    fn losses_of_labels_and_numbers_are_those_of_torch() -> Result<()> {
        let has = [true, false, false, true, true, true];
        let logits = [0.2, -0.4, 1.5, 0.3, -0.7, 2.0];
        let found = with_gradient(&logits, (3, 2), |logits| label_loss(logits, &has))?;
        let gradient = [
            -0.075_027_67,
            0.066_885_39,
            0.136_262_41,
            -0.070_926_25,
            -0.111_364_63,
            -0.019_867_15,
        ];
        assert_near(found, 0.766_172_8, &gradient);
        let (said, truth) = ([0.2, 1.5, -3.0], [0.5, -1.0, 0.1]);
        let of =
            |loss: Loss| with_gradient(&said, (3, 1), move |said| number_loss(said, &truth, &loss));
        assert_near(
            of(Loss::Mse)?,
            5.316_666_7,
            &[-0.2, 1.666_666_7, -2.066_666_6],
        );
        assert_near(of(Loss::Huber { delta: 1.5 })?, 2.065, &[-0.1, 0.5, -0.5]);
        Ok(())
    }

    #[test]
    fn a_sure_logit_has_a_finite_loss_and_slope() -> Result<()> {
        let found = with_gradient(&[300.0, -300.0], (1, 2), |logits| {
            label_loss(logits, &[true, true])
        })?;
        assert_near(found, 150.0, &[0.0, -0.5]);
        Ok(())
    }
}
