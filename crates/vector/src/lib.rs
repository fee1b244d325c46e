//! Loops that are compiled for several widths of vector, and sums and products of matrices, with the same bits on each.

pub mod product;
pub mod sums;

/// A function that is compiled three times, for any CPU, for AVX2 and for AVX-512, and chooses when it is called.
///
/// Without fused multiply-adds: all give the same bits.
#[macro_export]
macro_rules! vectorized {
    ($(#[$meta:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty $body:block) => {
        $(#[$meta])*
        $visibility fn $name($($argument: $type),*) -> $result {
            #[inline(always)]
            fn portable($($argument: $type),*) -> $result $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn with_avx2($($argument: $type),*) -> $result {
                    portable($($argument),*)
                }
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq")]
                fn with_avx512($($argument: $type),*) -> $result {
                    portable($($argument),*)
                }
                if std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512vl")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512dq")
                {
                    // SAFETY: this CPU has these four parts of AVX-512.
                    return unsafe { with_avx512($($argument),*) };
                }
                if std::is_x86_feature_detected!("avx2") {
                    // SAFETY: this CPU has AVX2.
                    return unsafe { with_avx2($($argument),*) };
                }
            }
            portable($($argument),*)
        }
    };
}

#[cfg(test)]
mod tests {
    vectorized! {
        /// Σ a · b in eight sums.
        fn dot(a: &[f32], b: &[f32]) -> f32 {
            let mut lanes = [0f32; 8];
            for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
                for lane in 0..8 {
                    lanes[lane] += a[lane] * b[lane];
                }
            }
            lanes.iter().sum()
        }
    }

    /// A fused multiply-add would round once where this rounds twice.
    #[test]
    fn the_width_changes_no_bit() {
        let numbers =
            |step: f32| -> Vec<f32> { (0..800).map(|at| (at as f32 * step).sin()).collect() };
        let (a, b) = (numbers(0.37), numbers(1.1));
        let mut lanes = [0f32; 8];
        for at in 0..a.len() {
            lanes[at % 8] += std::hint::black_box(a[at] * b[at]);
        }
        assert_eq!(dot(&a, &b), lanes.iter().sum::<f32>());
    }
}
