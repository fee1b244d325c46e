//! Many predictions of one stay: landmarks.

use super::row_span::RowSpan;
use super::stay_table::{Start, StayRow, StayTable};
use crate::config::{Landmarks, Unfinished};
use crate::stay_id::StayId;
use pipeline_error::Error;

const MICROSECONDS_OF_AN_HOUR: f64 = 3.6e9;
/// More landmarks of one stay are a stray date, not a stay.
const MOST: i64 = 10_000;

/// What becomes of a stay at one of its landmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outlook {
    Label(u32),
    /// The stay ends before the horizon does.
    Unfinished,
}

/// Puts the landmarks of every stay in its place. `span_of` tells a stay's rows.
pub(super) fn expand<'a>(
    landmarks: &Landmarks,
    span_of: impl Fn(&StayId) -> Option<&'a RowSpan>,
    stays: &mut StayTable,
) -> Result<(), Error> {
    let (mut rows, mut without, mut unfinished) = (Vec::new(), 0, 0);
    let all = std::mem::take(&mut stays.rows);
    let before = all.len();
    for stay in all {
        let mut any = false;
        if let Some(span) = span_of(&stay.id)
            && let Some(last) = span.last
        {
            let begin = match stay.start {
                Start::At(time) => time,
                Start::FirstEvent => span.begin(),
            };
            let end = span.first_positive.unwrap_or(last);
            for time in times(landmarks, begin, end, &stay)? {
                let label = match outlook(landmarks, (span.first_positive, last), time) {
                    Outlook::Label(label) => label,
                    Outlook::Unfinished if landmarks.unfinished == Unfinished::Negative => 0,
                    Outlook::Unfinished => {
                        unfinished += 1;
                        continue;
                    }
                };
                any = true;
                rows.push(at(&stay, begin, time, label));
            }
        }
        without += u64::from(!any);
    }
    rows.sort_by(|a: &StayRow, b| a.id.cmp(&b.id));
    stays.notes.push(format!(
        "{} landmarks of {} stays; {without} stays have none, {unfinished} landmarks are left out as their stay ends \
         before their horizon",
        rows.len(),
        before as u64 - without
    ));
    stays.counts.extend([
        ("stays_without_landmark", without),
        ("landmarks_unfinished", unfinished),
    ]);
    stays.rows = rows;
    Ok(())
}

/// The landmarks of a stay: until it ends or turns positive, and while its prediction is not past.
fn times(
    landmarks: &Landmarks,
    begin: i64,
    end: i64,
    stay: &StayRow,
) -> Result<impl Iterator<Item = i64> + use<>, Error> {
    let micros = |hours: f64| (hours * MICROSECONDS_OF_AN_HOUR).round() as i64;
    let every = micros(landmarks.every_hours).max(1);
    let first = begin.saturating_add(landmarks.first_hours.map_or(every, micros));
    let end = (stay.prediction).map_or(end, |last| end.min(last.saturating_add(1)));
    // In 128 bits, as a stray date may be anywhere.
    let count = (i128::from(end) - i128::from(first) + i128::from(every) - 1) / i128::from(every);
    if count > i128::from(MOST) {
        return Err(Error::stage(format!(
            "stay {} has {count} landmarks: one every {} hours of a stay that goes on for {:.0} hours",
            stay.id,
            landmarks.every_hours,
            (i128::from(end) - i128::from(begin)) as f64 / MICROSECONDS_OF_AN_HOUR
        ))
        .with_hint(format!(
            "a stay has at most {MOST}: is a date of it wrong? Else raise landmarks.every_hours"
        )));
    }
    Ok((0..count.max(0) as i64).map(move |number| first + number * every))
}

fn outlook(
    landmarks: &Landmarks,
    (first_positive, last): (Option<i64>, i64),
    time: i64,
) -> Outlook {
    let horizon = (landmarks.horizon_hours * MICROSECONDS_OF_AN_HOUR).round() as i64;
    let end = time.saturating_add(horizon);
    match first_positive {
        Some(positive) => Outlook::Label(u32::from(positive <= end)),
        None if last >= end => Outlook::Label(0),
        None => Outlook::Unfinished,
    }
}

fn at(stay: &StayRow, begin: i64, time: i64, label: u32) -> StayRow {
    let hours = (i128::from(time) - i128::from(begin)) as f64 / MICROSECONDS_OF_AN_HOUR;
    StayRow {
        id: StayId::Name(format!("{}@{hours}", stay.id)),
        landmark_of: Some(stay.id.clone()),
        subject: Some(stay.subject.clone().unwrap_or_else(|| stay.id.clone())),
        label: Some(label),
        // The hours in its id count from here.
        start: Start::At(begin),
        prediction: Some(time),
        ..stay.clone()
    }
}
