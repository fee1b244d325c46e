use super::super::gradient_check::{assert_close, assert_gradients, numbers};
use super::*;

#[test]
fn equals_the_composed_form() -> Result<()> {
    let (r, t) = (numbers(1, (6, 5))?, numbers(2, (6, 5))?);
    let starts: Arc<[usize]> = [0, 1, 4, 6].into();
    let fast = set_reconstruction_loss(&r, &t, &starts)?;
    assert_close(&fast, &composed(&r, &t, &starts)?, 1e-5);
    Ok(())
}

#[test]
fn gradients_equal_finite_differences() -> Result<()> {
    let starts: Arc<[usize]> = [0, 1, 4].into();
    let arguments = [numbers(3, (4, 5))?, numbers(4, (4, 5))?];
    assert_gradients(&arguments, |t| {
        set_reconstruction_loss(&t[0], &t[1], &starts)
    })
}

#[test]
fn a_reconstruction_at_the_origin_has_a_finite_gradient() -> Result<()> {
    let r = candle_core::Var::zeros((2, 3), candle_core::DType::F32, &candle_core::Device::Cpu)?;
    let starts: Arc<[usize]> = [0, 2].into();
    let loss = set_reconstruction_loss(&r, &numbers(2, (2, 3))?, &starts)?.sum_all()?;
    let grad = loss
        .backward()?
        .get(&r)
        .expect("a gradient")
        .flatten_all()?
        .to_vec1::<f32>()?;
    assert!(grad.iter().all(|g| g.is_finite()), "{grad:?}");
    Ok(())
}
