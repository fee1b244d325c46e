//! Several resamples side by side: what is summed of each is one number of a vector over them, and the sum of each runs
//! in the order that it has by itself.

use std::borrow::Cow;

/// Resamples of a block: the doubles of the widest vector.
pub(super) const LANES: usize = 8;

/// A number of each resample.
pub(super) type Lanes = [f64; LANES];

/// How often some resamples hold every item: [items][resamples]. A lane without a resample holds nothing.
pub(super) struct Block<'a> {
    pub(super) counts: Cow<'a, [[u32; LANES]]>,
}

impl Block<'_> {
    /// The same resamples, of which only members count.
    pub(super) fn of(&self, members: Option<&[bool]>) -> Block<'_> {
        let Some(members) = members else {
            return Block {
                counts: Cow::Borrowed(&self.counts),
            };
        };
        let rows = self.counts.iter().zip(members);
        let masked = rows.map(|(row, is_member)| if *is_member { *row } else { [0; LANES] });
        Block {
            counts: masked.collect(),
        }
    }
}
