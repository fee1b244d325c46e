//! A history as an event file that TensorBoard reads: one event a row, one scalar a column.
//!
//! Only what that takes of the protocol buffers `tensorboard.Event` and `tensorboard.Summary` is encoded
//! (<https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto>):
//! `Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }`,
//! `Summary { repeated Value value = 1; }`, `Value { string tag = 1; float simple_value = 2; }`.

mod record;

use pipeline_error::Error;
use pipeline_train::history::History;

/// TensorBoard reads files with `tfevents` in their names, those of a folder as one run.
pub const FILE_NAME: &str = "events.out.tfevents.0.pipeline";

/// The column that says where a row stands; it is no scalar itself.
const STEP: &str = "step";

/// The version of the format, the first event of a file.
const FILE_VERSION: &str = "brain.Event:2";

/// The event file of a history. What is undefined is left out, numbers are rounded to single
/// precision, and an event's wall time is its step in seconds: no clock is read, so the same
/// history gives the same bytes.
pub fn event_file(history: &History) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut version = Vec::new();
    put_bytes(&mut version, 3, FILE_VERSION.as_bytes());
    record::append(&mut file, &version);
    for row in history.rows() {
        let step = row.iter().find(|(name, _)| name == STEP);
        let step = step
            .and_then(|(_, step)| *step)
            .filter(|step| step.is_finite() && *step >= 0.0)
            .ok_or_else(|| Error::stage("a row of the history has no step"))?;
        let scalars = row.iter().filter(|(name, _)| name != STEP);
        let scalars = scalars.filter_map(|(name, value)| Some((name.as_str(), (*value)?)));
        record::append(&mut file, &event(step, scalars));
    }
    Ok(file)
}

fn event<'a>(step: f64, scalars: impl Iterator<Item = (&'a str, f64)>) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in scalars {
        let mut scalar = Vec::new();
        put_bytes(&mut scalar, 1, tag.as_bytes());
        put_key(&mut scalar, 2, Wire::Four);
        scalar.extend((value as f32).to_le_bytes());
        put_bytes(&mut summary, 1, &scalar);
    }
    let mut event = Vec::new();
    // A field that is 0 is left out, as the standard encoders do.
    if step != 0.0 {
        put_key(&mut event, 1, Wire::Eight);
        event.extend(step.to_le_bytes());
        put_key(&mut event, 2, Wire::Varint);
        put_varint(&mut event, step as u64);
    }
    put_bytes(&mut event, 5, &summary);
    event
}

/// How a field's contents are laid out: <https://protobuf.dev/programming-guides/encoding/>.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Eight = 1,
    Length = 2,
    Four = 5,
}

fn put_key(message: &mut Vec<u8>, field: u64, wire: Wire) {
    put_varint(message, field << 3 | wire as u64);
}

fn put_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_key(message, field, Wire::Length);
    put_varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Seven bits a byte, the lowest first; the highest bit of a byte says that more follow.
fn put_varint(message: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(
        step: f64,
        epoch: f64,
        beta: f64,
        auroc: Option<f64>,
    ) -> [(&'static str, Option<f64>); 4] {
        [
            ("epoch", Some(epoch)),
            ("step", Some(step)),
            ("beta", Some(beta)),
            ("validation_auroc", auroc),
        ]
    }

    #[test]
    fn the_bytes_are_those_of_tensorboards_own_writer() {
        let mut history = History::default();
        history.push(row(88.0, 1.0, 0.1, Some(0.75)));
        history.push(row(176.0, 2.0, 0.0, None));
        history.push(row(70000.0, 3.0, 1e300, Some(-2.5)));
        let theirs = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/tensorboard/three-rows.tfevents"
        );
        assert_eq!(
            event_file(&history).unwrap(),
            std::fs::read(theirs).unwrap()
        );
    }

    #[test]
    fn step_zero_is_left_out() {
        let mut history = History::default();
        history.push([("step", Some(0.0)), ("a", Some(1.0))]);
        let file = event_file(&history).unwrap();
        // Behind the version's 31 bytes: length 12, its checksum, field 5 of 10 bytes, tag and number.
        let body = b"\x2a\x0a\x0a\x08\x0a\x01a\x15\x00\x00\x80\x3f";
        assert_eq!(file[31..39], 12u64.to_le_bytes());
        assert_eq!(file[43..55], *body);
    }

    #[test]
    fn a_row_without_a_step_is_an_error() {
        for row in [vec![("loss", Some(1.0))], vec![("step", None)]] {
            let mut history = History::default();
            history.push(row);
            let error = event_file(&history).unwrap_err();
            assert!(error.to_string().contains("no step"), "{error}");
        }
    }

    #[test]
    fn varints_take_seven_bits_a_byte() {
        for (number, bytes) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (300, &[0xac, 0x02]),
            (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1]),
        ] {
            let mut message = vec![];
            put_varint(&mut message, number);
            assert_eq!(message, bytes);
        }
    }
}
