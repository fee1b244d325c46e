use candle_core::Var;
use candle_core::backprop::GradStore;

use super::super::ops::gradient_check::{assert_close, numbers};
use super::super::parameter::Parameters;
use super::*;

const HEADS: usize = 4;
const POINTS: usize = 3;
/// Four sets, whose events are fewer than their inducing points.
const STARTS: [usize; 5] = [0, 1, 4, 6, 7];

/// Parameters of an ISAB by name, as small as they are at first.
fn variables(width: usize) -> Result<Vec<(String, Var)>> {
    let specs = ParameterSource::record(|source| {
        Isab::new(source, width, HEADS, POINTS, LinearInit::Xavier)
    })?;
    let numbered = specs.into_iter().enumerate();
    numbered
        .map(|(seed, spec)| {
            let numbers = (numbers(seed as u64, spec.shape.as_slice())? * 0.1)?;
            Ok((spec.name, Var::from_tensor(&numbers)?))
        })
        .collect()
}

fn isab(variables: &[(String, Var)], width: usize, precision: Precision) -> Result<Isab> {
    let tensor = |(name, variable): &(String, Var)| (name.clone(), variable.as_tensor().clone());
    let parameters: Parameters = variables.iter().map(tensor).collect();
    let source = ParameterSource::given(&parameters).with_precision(precision);
    Isab::new(&source, width, HEADS, POINTS, LinearInit::Xavier)
}

/// What an ISAB gives, and the gradients of all its parameters.
fn outcome(
    variables: &[(String, Var)],
    width: usize,
    precision: Precision,
) -> Result<(Tensor, GradStore)> {
    let x = numbers(100, (7, width))?;
    let y = isab(variables, width, precision)?.forward(&x, &STARTS)?;
    let gradients = (&y * numbers(101, (7, width))?)?.sum_all()?.backward()?;
    Ok((y, gradients))
}

/// Rearranged products on a CPU are those of plain attention, at widths where rearranging pays and where not.
#[test]
fn an_isab_gives_the_numbers_and_gradients_of_its_composed_form() -> Result<()> {
    for width in [32, WIDE] {
        let variables = variables(width)?;
        let (ours, our_gradients) = outcome(&variables, width, Precision::F32)?;
        let (theirs, their_gradients) =
            ops::in_composed_form(|| outcome(&variables, width, Precision::F32))?;
        assert_close(&ours, &theirs, 1e-5);
        for (name, variable) in &variables {
            let of = |gradients: &GradStore| gradients.get(variable).cloned();
            let (ours, theirs) = (of(&our_gradients), of(&their_gradients));
            let both = ours.zip(theirs);
            let (ours, theirs) = both.unwrap_or_else(|| panic!("{name} has no gradient"));
            assert_close(&ours, &theirs, 1e-4);
        }
    }
    Ok(())
}

#[test]
fn precision_reaches_every_product_of_an_isab() -> Result<()> {
    let variables = variables(32)?;
    let (exact, _) = outcome(&variables, 32, Precision::F32)?;
    let (rounded, gradients) = outcome(&variables, 32, Precision::Bf16)?;
    let apart = (&rounded - &exact)?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(apart > 1e-4, "{apart}: nothing was rounded");
    assert_close(&rounded, &exact, 0.05);
    for (name, variable) in &variables {
        assert!(gradients.get(variable).is_some(), "{name} has no gradient");
    }
    Ok(())
}
