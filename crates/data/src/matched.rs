//! Stays of both classes that are seen for equally long.
//!
//! A stay that is cut at its first positive row is shorter than one that is not cut, and its length alone tells
//! the label. So each negative stay is cut, too: at a time drawn from those at which positive stays of the
//! training split are cut. The draw belongs to the seed and the stay's id, whatever the order of stays.

use super::address::address_of;
use super::dataset::Split;
use super::source::{Start, StayRow};
use pipeline_error::Error;
use pipeline_random::Stream;

/// Cuts the negative stays. Where a stay ends before its time is drawn to be, all of it is seen.
pub(super) fn cut(stays: &mut [StayRow], splits: &[Split], seed: u64) -> Result<(), Error> {
    let length = |stay: &StayRow| match (stay.start, stay.prediction) {
        (Start::At(start), Some(end)) => Some(end.saturating_sub(start)).filter(|&time| time >= 0),
        _ => None,
    };
    let positive = |stay: &StayRow| stay.label.is_some_and(|label| label > 0);
    let of_training = stays.iter().zip(splits);
    let of_training = of_training.filter(|(stay, split)| **split == Split::Train && positive(stay));
    let lengths: Vec<i64> = of_training.filter_map(|(stay, _)| length(stay)).collect();
    if lengths.is_empty() {
        return Err(Error::stage(
            "negatives = \"matched\": no positive stay of the training split has a row before its first positive one",
        )
        .with_hint("without one there is nothing to match: leave `negatives` out"));
    }
    let draws = Stream::new(seed, "matched-negatives");
    for stay in stays.iter_mut().filter(|stay| stay.label == Some(0)) {
        let Start::At(start) = stay.start else {
            continue;
        };
        let address = address_of(&stay.id.to_string());
        let drawn = draws.at(&[address]).below(lengths.len() as u64);
        let end = start.saturating_add(lengths[drawn as usize]);
        stay.prediction = Some(stay.prediction.map_or(end, |time| time.min(end)));
    }
    Ok(())
}
