//! Sums in sixteen lanes: one order, which the compiler turns into vector instructions of any width.

const LANES: usize = 16;

/// Sums of so few numbers are folded in registers.
const SHORT: usize = 64;

/// A cache line of its own. Where one vector is written across two, as on an unlucky stack, each number that is
/// read back waits for both: the backward pass of attention took twice as long.
#[repr(align(64))]
struct Line([f32; LANES]);

/// The sum of the lanes to which the block adds `length` numbers.
///
/// The compiler sees that their sum is one of pairs and fills them four by four, which is right for a few numbers and
/// a fold in registers. Many are added in vectors of the processor's width if the lanes are put into memory.
/// A macro, as a closure would not be compiled with the loop's instructions.
macro_rules! folded {
    ($length:expr, |$lanes:ident| $add:block) => {
        if $length <= SHORT {
            let mut $lanes = [0f32; LANES];
            $add;
            sum_of_lanes(&$lanes)
        } else {
            let mut $lanes = [0f32; LANES];
            $add;
            sum_of_lanes(&std::hint::black_box(Line($lanes)).0)
        }
    };
}

/// Σ a·b in a fixed order that the compiler turns into vector instructions.
#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut rest = 0f32;
    for (x, y) in a_rest.iter().zip(b_rest) {
        rest += x * y;
    }
    folded!(a.len(), |lanes| {
        for (x, y) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..LANES {
                lanes[lane] += x[lane] * y[lane];
            }
        }
    }) + rest
}

/// Σ (a − b)² in a fixed order.
#[inline(always)]
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let ((a_chunks, a_rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut rest = 0f32;
    for (x, y) in a_rest.iter().zip(b_rest) {
        rest += (x - y) * (x - y);
    }
    folded!(a.len(), |lanes| {
        for (x, y) in a_chunks.iter().zip(b_chunks) {
            for lane in 0..LANES {
                let difference = x[lane] - y[lane];
                lanes[lane] += difference * difference;
            }
        }
    }) + rest
}

/// Σ a in a fixed order.
#[inline(always)]
pub fn sum(a: &[f32]) -> f32 {
    let (chunks, rest) = a.as_chunks::<LANES>();
    let rest: f32 = rest.iter().sum();
    folded!(a.len(), |lanes| {
        for x in chunks {
            for lane in 0..LANES {
                lanes[lane] += x[lane];
            }
        }
    }) + rest
}

/// Σ (a − mean)² in a fixed order.
#[inline(always)]
pub fn squares_about(a: &[f32], mean: f32) -> f32 {
    let (chunks, rest) = a.as_chunks::<LANES>();
    let rest: f32 = rest.iter().map(|x| (x - mean) * (x - mean)).sum();
    folded!(a.len(), |lanes| {
        for x in chunks {
            for lane in 0..LANES {
                lanes[lane] += (x[lane] - mean) * (x[lane] - mean);
            }
        }
    }) + rest
}

/// By halves: each lane of the first half and the one as far behind it, until one is left.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn sum_of_lanes(lanes: &[f32; LANES]) -> f32 {
    use std::arch::x86_64::*;
    // SAFETY: SSE is part of x86-64, and each load reads four of 16 numbers.
    unsafe {
        let four_from = |lane: usize| _mm_loadu_ps(lanes.as_ptr().add(lane));
        let (low, high) = (
            _mm_add_ps(four_from(0), four_from(8)),
            _mm_add_ps(four_from(4), four_from(12)),
        );
        let four = _mm_add_ps(low, high);
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// By halves: each lane of the first half and the one as far behind it, until one is left.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn sum_of_lanes(lanes: &[f32; LANES]) -> f32 {
    let mut lanes = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_sixteen_lanes_by_halves_in_any_length() {
        for length in [0, 1, 15, 16, 17, 32, 64, 65, 100, 256] {
            let numbers = |step: f32| -> Vec<f32> {
                (0..length).map(|at| (at as f32 * step).sin()).collect()
            };
            let (a, b) = (numbers(0.37), numbers(1.1));
            let whole = length - length % LANES;
            let mut lanes = [0f32; LANES];
            for at in 0..whole {
                lanes[at % LANES] += a[at] * b[at];
            }
            for width in [8, 4, 2, 1] {
                for lane in 0..width {
                    lanes[lane] += lanes[lane + width];
                }
            }
            let rest = (whole..length).fold(0f32, |sum, at| sum + a[at] * b[at]);
            assert_eq!(
                dot(&a, &b).to_bits(),
                (lanes[0] + rest).to_bits(),
                "{length}"
            );
        }
    }
}
