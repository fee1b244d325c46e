//! The update of stochastic gradient descent, of one parameter on host memory.

use super::config::{Rates, Sgd};

/// One update of `values` by `gradient`, as torch's `SGD` without dampening; `buffer` is the
/// momentum's, zero before the first update, none without momentum.
pub(super) fn update(
    config: &Sgd,
    rates: Rates,
    values: &mut [f32],
    gradient: &[f32],
    buffer: Option<&mut [f32]>,
) {
    let rate = rates.lr as f32;
    let decay = rates.weight_decay as f32;
    let momentum = config.momentum as f32;
    let decayed = |value: f32, gradient: f32| gradient + decay * value;
    let pairs = values.iter_mut().zip(gradient);
    let Some(buffer) = buffer else {
        for (value, g) in pairs {
            *value -= rate * decayed(*value, *g);
        }
        return;
    };
    for ((value, g), kept) in pairs.zip(buffer) {
        let g = decayed(*value, *g);
        *kept = momentum * *kept + g;
        let direction = match config.nesterov {
            true => g + momentum * *kept,
            false => *kept,
        };
        *value -= rate * direction;
    }
}
