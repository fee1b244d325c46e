//! Normal numbers, many at once (Box and Muller 1958, both numbers of a pair used).
//!
//! Logarithm, sine and cosine are our own, so that the numbers are the same with every library of C.

use candle_core::{Device, Result, Tensor, bail};
use pipeline_random::Draws;

use super::cpu::{ROUND, vectorized};

/// N(0, `scale`²), [seeds, width], on the GPU `device`: each row is a function of its seed alone.
pub fn normals(seeds: &[u64], width: usize, scale: f32, device: &Device) -> Result<Tensor> {
    match device {
        #[cfg(feature = "cuda")]
        Device::Cuda(cuda) => super::cuda::pointwise::normals(cuda, seeds, width, scale),
        _ => bail!(
            "no kernel draws {} × {width} numbers of deviation {scale} on {device:?}",
            seeds.len()
        ),
    }
}

/// `count` numbers of N(0, `scale`²), a pair for every eight bytes of `draws`.
pub fn drawn_normals(draws: &mut Draws, count: usize, scale: f32) -> Vec<f32> {
    let bytes = draws.bytes(8 * count.div_ceil(2));
    let mut numbers = vec![0f32; 2 * count.div_ceil(2)];
    transform(&bytes, scale, &mut numbers);
    numbers.truncate(count);
    numbers
}

vectorized! {
    fn transform(bytes: &[u8], scale: f32, numbers: &mut [f32]) -> () {
        for (number, draw) in numbers.as_chunks_mut().0.iter_mut().zip(bytes.as_chunks().0) {
            let draw = u64::from_le_bytes(*draw);
            *number = pair((draw >> 32) as u32, draw as u32, scale);
        }
    }
}

/// Two normal numbers of deviation `scale` from 31 bits for their radius and 24 for their angle.
#[inline(always)]
fn pair(radius: u32, angle: u32, scale: f32) -> [f32; 2] {
    let uniform = ((radius >> 1) as i32 as f32 + 0.5) * (1.0 / (1u32 << 31) as f32);
    let squared = -2.0 * ln(uniform);
    let radius = scale * (if squared > 0.0 { squared } else { 0.0 }).sqrt();
    let (sin, cos) = sin_cos_of_turn((angle >> 8) as i32 as f32 * (1.0 / (1u32 << 24) as f32));
    [radius * cos, radius * sin]
}

/// The natural logarithm of a positive number (Cephes logf), below 2 ulp, free of branches.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // Of √½, so that the mantissa lies between it and √2.
    const SPLIT: u32 = 0x3f35_04f3;
    let exponent = (x.to_bits().wrapping_sub(SPLIT) as i32) >> 23;
    let mantissa = f32::from_bits(x.to_bits().wrapping_sub((exponent << 23) as u32));
    let (e, z) = (exponent as f32, mantissa - 1.0);
    let p = 7.037_683_6e-2f32;
    let p = p * z - 1.151_461e-1;
    let p = p * z + 1.167_699_9e-1;
    let p = p * z - 1.242_014_1e-1;
    let p = p * z + 1.424_932_3e-1;
    let p = p * z - 1.666_805_8e-1;
    let p = p * z + 2.000_071_5e-1;
    let p = p * z - 2.499_999_4e-1;
    let p = p * z + 3.333_333e-1;
    let squared = z * z;
    let rest = p * z * squared + e * -2.121_944_4e-4 - 0.5 * squared;
    z + rest + e * 0.693_359_4
}

/// Sine and cosine of 2π · `turn` (Cephes sinf and cosf), for 0 ≤ `turn` < 1, free of branches.
#[inline(always)]
fn sin_cos_of_turn(turn: f32) -> (f32, f32) {
    let rounded = 4.0 * turn + ROUND;
    let angle = (4.0 * turn - (rounded - ROUND)) * std::f32::consts::FRAC_PI_2;
    let z = angle * angle;
    let p = -1.951_529_6e-4f32;
    let p = p * z + 8.332_161e-3;
    let p = p * z - 1.666_665_5e-1;
    let sin = p * z * angle + angle;
    let p = 2.443_315_7e-5f32;
    let p = p * z - 1.388_731_6e-3;
    let p = p * z + 4.166_664_6e-2;
    let cos = p * z * z - 0.5 * z + 1.0;
    // Each quarter turns sine into cosine, and cosine into the negative sine.
    let quarter = rounded.to_bits();
    let (sin, cos) = match quarter & 1 {
        0 => (sin, cos),
        _ => (cos, sin),
    };
    let sign = |bits: u32| bits << 30 & 0x8000_0000;
    (
        f32::from_bits(sin.to_bits() ^ sign(quarter)),
        f32::from_bits(cos.to_bits() ^ sign(quarter.wrapping_add(1))),
    )
}

#[cfg(test)]
mod tests {
    use pipeline_random::Stream;

    use super::*;

    #[test]
    fn logarithm_sine_and_cosine_are_exact_to_rounding() {
        for k in 0..1 << 16 {
            let x = (k as f32 + 0.5) / (1 << 16) as f32;
            let exact = f64::from(x).ln();
            let apart = (f64::from(ln(x)) - exact).abs();
            assert!(
                apart <= 2e-7 * exact.abs().max(0.05),
                "ln({x}) is off by {apart}"
            );
            let (sin, cos) = sin_cos_of_turn(x);
            let exact = (std::f64::consts::TAU * f64::from(x)).sin_cos();
            assert!((f64::from(sin) - exact.0).abs() < 2e-7, "sin of {x}: {sin}");
            assert!((f64::from(cos) - exact.1).abs() < 2e-7, "cos of {x}: {cos}");
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn moments_are_those_of_a_normal_distribution() {
        let mut draws = Stream::new(1, "normal").at(&[]);
        let numbers = drawn_normals(&mut draws, 100_001, 2.0);
        assert_eq!(numbers.len(), 100_001);
        let moment = |power: i32| -> f64 {
            let terms = numbers.iter().map(|x| f64::from(x / 2.0).powi(power));
            terms.sum::<f64>() / numbers.len() as f64
        };
        assert!(moment(1).abs() < 0.02 && (moment(2) - 1.0).abs() < 0.02);
        assert!(moment(3).abs() < 0.05 && (moment(4) - 3.0).abs() < 0.1);
        let pairs = numbers
            .chunks_exact(2)
            .map(|pair| f64::from(pair[0] * pair[1]));
        assert!((pairs.sum::<f64>() / 50_000.0).abs() < 0.05);
    }

    #[test]
    fn the_most_extreme_draws_give_numbers() {
        for (radius, angle) in [(0, 0), (u32::MAX, u32::MAX), (1, u32::MAX), (u32::MAX, 0)] {
            let [a, b] = pair(radius, angle, 1.0);
            assert!(a.abs() < 7.0 && b.abs() < 7.0, "{radius} {angle}: {a} {b}");
        }
    }
}
