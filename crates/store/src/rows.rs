//! JSON for people and programs: the outer levels are spread over lines, the rest is a line each.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter};

/// Arrays and objects nested deeper than this stand on one line.
const SPREAD: usize = 3;

/// A document, so that a list of stages is one stage a line: of a thousand stages it is half
/// as long as one spread to the last value, and can still be read.
pub fn write<W: Write>(mut writer: W, document: &impl Serialize) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(&mut writer, Rows::default());
    document.serialize(&mut serializer)?;
    writer.write_all(b"\n")
}

#[derive(Default)]
struct Rows {
    depth: usize,
    /// Whether anything stands in what is open.
    filled: bool,
}

impl Rows {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.filled = false;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.filled && self.depth < SPREAD {
            self.new_line(writer)?;
        }
        self.filled = true;
        writer.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        match self.depth <= SPREAD {
            true => self.new_line(writer),
            false if first => Ok(()),
            false => writer.write_all(b" "),
        }
    }

    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        const LINE: &[u8] = b"\n      ";
        writer.write_all(&LINE[..=2 * self.depth.min(SPREAD)])
    }
}

impl Formatter for Rows {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        CompactFormatter.begin_object_value(writer)?;
        writer.write_all(b" ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.filled = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_list_of_stages_is_one_stage_a_line_and_reads_back() {
        let document = json!({
            "a": { "none": [], "stages": [{ "n": 1, "outputs": { "x": {}, "y": [1, 2] } }, {}] },
            "b": null,
        });
        let mut text = Vec::new();
        write(&mut text, &document).unwrap();
        let text = String::from_utf8(text).unwrap();
        let expected = r#"{
  "a": {
    "none": [],
    "stages": [
      {"n": 1, "outputs": {"x": {}, "y": [1, 2]}},
      {}
    ]
  },
  "b": null
}
"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), document);
    }
}
