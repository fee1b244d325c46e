//! The AdamW update of one parameter on host memory.

use super::config::{AdamW, Rates};

/// The update number `step`, counted from 1, of `values` by `gradient`; `first` and `second` are
/// its running moments (Loshchilov and Hutter 2019, algorithm 2; operations in torch's order).
pub(super) fn update(
    config: &AdamW,
    rates: Rates,
    step: u64,
    values: &mut [f32],
    gradient: &[f32],
    [first, second]: [&mut [f32]; 2],
) {
    let correction = config.betas.map(|beta| 1.0 - beta.powi(step as i32));
    let [beta1, beta2] = config.betas.map(|beta| beta as f32);
    let (rest1, rest2) = (
        (1.0 - config.betas[0]) as f32,
        (1.0 - config.betas[1]) as f32,
    );
    let decay = (1.0 - rates.lr * rates.weight_decay) as f32;
    let rate = (rates.lr / correction[0]) as f32;
    let root = correction[1].sqrt() as f32;
    let eps = config.eps as f32;
    let moments = first.iter_mut().zip(second.iter_mut());
    for ((value, g), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
        *first = beta1 * *first + rest1 * g;
        *second = beta2 * *second + rest2 * g * g;
        *value = *value * decay - rate * *first / (second.sqrt() / root + eps);
    }
}
