//! Who attends to whom: segments of packed query and key rows.

use std::sync::Arc;

/// Which query rows attend to which key rows.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Per segment: first query row, query rows, first key row, key rows.
    pub segments: Arc<[Segment]>,
    /// Heads; divides the width.
    pub heads: usize,
    /// Factor of the scores.
    pub scale: f32,
    /// Query i sees only the keys 0..=i of its segment.
    pub causal: bool,
    /// Dropout of the softmax weights.
    pub dropout: Option<AttentionDropout>,
    #[cfg(feature = "cuda")]
    pub(crate) on_gpu: super::cuda::attention::OnGpu,
}

/// Dropout whose mask is a hash of (seed, output row, head, key), so that the backward pass can draw it again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionDropout {
    /// Addresses the mask.
    pub seed: u64,
    /// Share of weights that become 0.
    pub rate: f32,
}

impl AttentionDropout {
    /// 0, or 1/(1 − rate).
    #[inline(always)]
    pub(super) fn factor(self, row: usize, head: usize, key: usize) -> f32 {
        let place = (row as u64) << 32 | (head as u64) << 24 | key as u64;
        let mut hash = self.seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The finaliser of SplitMix64 (Steele et al. 2014).
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let uniform = ((hash ^ (hash >> 31)) >> 40) as f32 / (1u32 << 24) as f32;
        if uniform < self.rate {
            0.0
        } else {
            1.0 / (1.0 - self.rate)
        }
    }
}

/// One segment of packed rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First query row.
    pub query_start: usize,
    /// Query rows.
    pub queries: usize,
    /// First key row.
    pub key_start: usize,
    /// Key rows, at least one.
    pub keys: usize,
}

impl Attention {
    fn new(segments: impl Iterator<Item = Segment>, heads: usize, scale: f32) -> Self {
        Self {
            segments: segments.collect(),
            heads,
            scale,
            causal: false,
            dropout: None,
            #[cfg(feature = "cuda")]
            on_gpu: Default::default(),
        }
    }

    /// Every row of a segment attends to the rows of the same segment (`starts` has one more entry than there are segments).
    pub fn within(starts: &[usize], heads: usize, scale: f32, causal: bool) -> Self {
        let segments = starts.windows(2).map(|pair| Segment {
            query_start: pair[0],
            queries: pair[1] - pair[0],
            key_start: pair[0],
            keys: pair[1] - pair[0],
        });
        Self {
            causal,
            ..Self::new(segments, heads, scale)
        }
    }

    /// The same `queries` rows attend to the rows of each segment in turn.
    pub fn shared_queries(starts: &[usize], queries: usize, heads: usize, scale: f32) -> Self {
        let segments = starts.windows(2).map(|pair| Segment {
            query_start: 0,
            queries,
            key_start: pair[0],
            keys: pair[1] - pair[0],
        });
        Self::new(segments, heads, scale)
    }

    /// The rows of segment s attend to `keys` rows of their own, s·keys..(s+1)·keys.
    pub fn to_own_keys(starts: &[usize], keys: usize, heads: usize, scale: f32) -> Self {
        let segments = starts.windows(2).enumerate().map(|(index, pair)| Segment {
            query_start: pair[0],
            queries: pair[1] - pair[0],
            key_start: index * keys,
            keys,
        });
        Self::new(segments, heads, scale)
    }

    /// Query i attends to the rows of segment i.
    pub fn one_query_each(starts: &[usize], heads: usize, scale: f32) -> Self {
        let segments = starts.windows(2).enumerate().map(|(index, pair)| Segment {
            query_start: index,
            queries: 1,
            key_start: pair[0],
            keys: pair[1] - pair[0],
        });
        Self::new(segments, heads, scale)
    }

    pub(super) fn output_rows(&self) -> usize {
        self.segments.iter().map(|segment| segment.queries).sum()
    }

    /// Queries with the keys that they see.
    pub fn pairs(&self) -> usize {
        self.segments.iter().map(|s| self.pairs_of(s)).sum()
    }

    pub(super) fn pairs_of(&self, segment: &Segment) -> usize {
        let seen = |query| self.visible_keys(segment, query);
        (0..segment.queries).map(seen).sum()
    }

    #[inline(always)]
    pub(super) fn dropout_factor(&self, row: usize, head: usize, key: usize) -> f32 {
        self.dropout
            .map_or(1.0, |dropout| dropout.factor(row, head, key))
    }

    pub(super) fn visible_keys(&self, segment: &Segment, query: usize) -> usize {
        if self.causal {
            (query + 1).min(segment.keys)
        } else {
            segment.keys
        }
    }
}
