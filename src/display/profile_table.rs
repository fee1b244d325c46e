//! Which operations took the time, for people.

use std::mem::MaybeUninit;
use std::time::Duration;

use crate::display::table::{Align, Cell, Table};
use crate::terminal::style::{Style, Tone};
use pipeline_model::profile::{Pass, ProfileRow};

/// One row an operation and pass, the longest first, and one for all else that this process did.
pub fn render(rows: &[ProfileRow], style: Style) -> String {
    table(rows, processor_time(), style)
}

fn table(rows: &[ProfileRow], whole: Duration, style: Style) -> String {
    let mut table = Table::new(&[
        ("operation", Align::Left),
        ("pass", Align::Left),
        ("calls", Align::Right),
        ("CPU s", Align::Right),
        ("share", Align::Right),
        ("GB", Align::Right),
        ("GB/s", Align::Right),
    ]);
    let share = |time: Duration| {
        let share = 100.0 * time.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE);
        format!("{share:.1} %")
    };
    for row in rows {
        let (seconds, gigabytes) = (row.time.as_secs_f64(), row.bytes as f64 / 1e9);
        let pass = match row.pass {
            Pass::Forward => "forward",
            Pass::Backward => "backward",
        };
        table.push(vec![
            row.op.into(),
            Cell::new(pass, Tone::Faint),
            row.calls.to_string().into(),
            format!("{seconds:.2}").into(),
            share(row.time).into(),
            format!("{gigabytes:.2}").into(),
            format!("{:.1}", gigabytes / seconds.max(1e-9)).into(),
        ]);
    }
    let rest = whole.saturating_sub(rows.iter().map(|row| row.time).sum());
    let mut last: Vec<Cell> = vec![
        Cell::new("all else", Tone::Faint),
        "".into(),
        "".into(),
        format!("{:.2}", rest.as_secs_f64()).into(),
        share(rest).into(),
    ];
    last.extend(["", ""].map(Cell::from));
    table.push(last);
    table.render(style)
}

/// User and system time of all threads of this process.
fn processor_time() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call writes the structure it is given; where it fails, zeros are read.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs())
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or_default())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_operation_is_the_rest() {
        let rows = [ProfileRow {
            op: "linear",
            pass: Pass::Backward,
            calls: 12,
            time: Duration::from_millis(1500),
            bytes: 3_000_000_000,
        }];
        let text = table(&rows, Duration::from_secs(2), Style::PLAIN);
        assert_eq!(
            text,
            "operation  pass      calls  CPU s   share    GB  GB/s\n\
             linear     backward     12   1.50  75.0 %  3.00   2.0\n\
             all else                     0.50  25.0 %\n"
        );
    }
}
