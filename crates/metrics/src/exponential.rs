/// e^x for x ≤ 0 (Cephes exp: reduction by ln 2, a rational function of the rest), within 2 ulp; free of branches and
/// calls, so that loops over it are vectorised. 0 below −708, where e^x is no normal number.
#[inline(always)]
pub(super) fn exp_of_negative(x: f64) -> f64 {
    // Adding and taking away 1.5·2⁵² rounds to the nearest integer, which the sum then ends with.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 6.931_457_519_531_25e-1;
    const LN_2_LOW: f64 = 1.428_606_820_309_417_2e-6;
    let bounded = x.max(-708.0);
    let rounded = bounded * std::f64::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = bounded - n * LN_2_HIGH - n * LN_2_LOW;
    let r2 = r * r;
    let p = r * ((1.261_771_930_748_105_9e-4 * r2 + 3.029_944_077_074_419_6e-2) * r2 + 1.0);
    let q = ((3.001_985_051_386_644_6e-6 * r2 + 2.524_483_403_496_841e-3) * r2
        + 2.272_655_482_081_550_3e-1)
        * r2
        + 2.0;
    let fraction = 1.0 + 2.0 * p / (q - p);
    let power = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    if x < -708.0 { 0.0 } else { fraction * power }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_exact_to_rounding() {
        for step in 0..=7_080_000 {
            let x = -f64::from(step) / 10_000.0;
            let expected = x.exp();
            let relative = (exp_of_negative(x) / expected - 1.0).abs();
            assert!(relative < 4.5e-16, "exp({x}) is off by {relative}");
        }
        assert_eq!((exp_of_negative(0.0), exp_of_negative(-0.0)), (1.0, 1.0));
        for x in [-709.0, -1e300, f64::NEG_INFINITY] {
            assert_eq!(exp_of_negative(x), 0.0);
        }
    }
}
