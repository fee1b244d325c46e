//! The table of a `command` stage.

use std::collections::BTreeMap;
use std::fmt::Formatter;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::json;

use pipeline_data::input_path::InputPath;

/// Runs a program in an empty folder, with declared inputs and outputs.
///
/// The program sees its inputs as `inputs/NAME` with the ending of what they are, and must leave
/// in the folder exactly the files that `outputs` declares, besides what it puts into `$TMPDIR`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandTable {
    /// The program and its arguments; or one string, for `sh -ec`. `{inputs.NAME}` and `{outputs.NAME}` stand for paths.
    pub run: CommandLine,
    /// What it reads: files and folders, relative to this recipe, or `{ stage, artifact }`.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({ "pattern": NAMES })))]
    pub inputs: BTreeMap<String, InputPath>,
    /// Its artifacts: the files that it writes, relative to the folder it runs in.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({ "pattern": NAMES })))]
    pub outputs: BTreeMap<String, String>,
    /// The output that holds metrics: one JSON object of numbers or nulls by name.
    #[serde(default)]
    pub metrics: Option<String>,
    /// Environment variables, besides `PATH`, `HOME`, `TMPDIR`, the number of threads, and what `pass_env` names.
    #[serde(default)]
    #[schemars(extend("propertyNames" = json!({ "pattern": "^[A-Za-z0-9_]+$" })))]
    pub env: BTreeMap<String, String>,
    /// Environment variables that are handed through; their values are no part of the fingerprint.
    #[serde(default)]
    pub pass_env: Vec<String>,
    /// Environment variables with passwords and tokens. Their values are passed to the program, written nowhere, no part of the fingerprint, and hidden in the program's output.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret_env: Vec<String>,
    /// Given to the program as `PIPELINE_SEED`; left out: the program draws no random numbers.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The program is stopped after this long; left out: never. No part of the fingerprint.
    #[serde(default)]
    #[schemars(range(max = 1e9), extend("exclusiveMinimum" = 0.0))]
    pub timeout_seconds: Option<f64>,
    /// How long a program that is asked to end (Ctrl-C, a timeout) may take to write down where it stands, before it is ended. No part of the fingerprint.
    #[serde(default = "CommandTable::default_grace_seconds")]
    #[schemars(range(min = 0.0, max = 1e5))]
    pub grace_seconds: f64,
    /// How often a program that failed is started again. No part of the fingerprint.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub retries: u32,
    /// Wait before the first new start; it doubles with each. No part of the fingerprint.
    #[serde(default = "CommandTable::default_retry_delay_seconds")]
    #[schemars(range(min = 0.0, max = 1e5))]
    pub retry_delay_seconds: f64,
}

/// Names of inputs and outputs: they become file names and parts of dotted paths.
const NAMES: &str = "^[A-Za-z0-9_-]+$";

impl CommandTable {
    fn default_grace_seconds() -> f64 {
        5.0
    }

    fn default_retry_delay_seconds() -> f64 {
        1.0
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum CommandLine {
    /// The program, then its arguments, passed on as they are.
    Words(Vec<String>),
    /// A line for `sh -ec`: it ends at the first command that fails.
    Shell(String),
}

impl CommandLine {
    /// Every word, or the one line.
    pub fn texts(&self) -> &[String] {
        match self {
            CommandLine::Words(words) => words,
            CommandLine::Shell(line) => std::slice::from_ref(line),
        }
    }

    /// The same with every text replaced.
    #[must_use]
    pub fn map(&self, replace: impl Fn(&str) -> String) -> Self {
        match self {
            CommandLine::Words(words) => {
                CommandLine::Words(words.iter().map(|word| replace(word)).collect())
            }
            CommandLine::Shell(line) => CommandLine::Shell(replace(line)),
        }
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            CommandLine::Words(words) => words.serialize(serializer),
            CommandLine::Shell(line) => serializer.serialize_str(line),
        }
    }
}

// Written by hand: `untagged` would reduce every mistake inside the list to "matched no variant".
impl<'de> Deserialize<'de> for CommandLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordsOrLine;
        impl<'de> Visitor<'de> for WordsOrLine {
            type Value = CommandLine;
            fn expecting(&self, formatter: &mut Formatter) -> std::fmt::Result {
                formatter.write_str("a list of words, or a line for the shell")
            }
            fn visit_str<E: serde::de::Error>(self, line: &str) -> Result<CommandLine, E> {
                Ok(CommandLine::Shell(line.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, words: A) -> Result<CommandLine, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(words)).map(CommandLine::Words)
            }
        }
        deserializer.deserialize_any(WordsOrLine)
    }
}

impl JsonSchema for CommandLine {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CommandLine".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A program and its arguments, or one line for `sh -ec`.",
            "anyOf": [
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                { "type": "string", "minLength": 1 }
            ]
        })
    }
}

/// A part of a command line's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// What stays as it is.
    Text(&'t str),
    /// `{inputs.NAME}`.
    Input(&'t str),
    /// `{outputs.NAME}`.
    Output(&'t str),
}

/// A text cut at what stands for paths; all other braces are text.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut literal = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        let start = at + found;
        at = start + 1;
        let Some(length) = text[at..].find('}') else {
            break;
        };
        let inside = &text[at..at + length];
        let input = inside.strip_prefix("inputs.").map(Piece::Input);
        let output = || inside.strip_prefix("outputs.").map(Piece::Output);
        if let Some(path) = input.or_else(output) {
            pieces.push(Piece::Text(&text[literal..start]));
            pieces.push(path);
            at += length + 1;
            literal = at;
        }
    }
    pieces.push(Piece::Text(&text[literal..]));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_a_list_or_a_string() {
        let read = |text: &str| serde_json::from_str::<CommandLine>(text);
        let words = CommandLine::Words(vec!["cat".into(), "a b".into()]);
        assert_eq!(read(r#"["cat", "a b"]"#).unwrap(), words);
        assert_eq!(
            read(r#""cat a""#).unwrap(),
            CommandLine::Shell("cat a".into())
        );
        assert!(
            read("3")
                .unwrap_err()
                .to_string()
                .contains("a list of words")
        );
        assert_eq!(serde_json::to_string(&words).unwrap(), r#"["cat","a b"]"#);
    }

    #[test]
    fn only_inputs_and_outputs_stand_for_paths() {
        use Piece::{Input, Output, Text};
        assert_eq!(
            pieces("awk '{print}' {inputs.a} > {outputs.b}"),
            [
                Text("awk '{print}' "),
                Input("a"),
                Text(" > "),
                Output("b"),
                Text("")
            ]
        );
        assert_eq!(pieces("{inputs.a"), [Text("{inputs.a")]);
        assert_eq!(
            pieces("{ {inputs.a} }"),
            [Text("{ "), Input("a"), Text(" }")]
        );
    }
}
