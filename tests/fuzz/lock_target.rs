//! Locks of recipes: mutations line by line, and what must hold of one that is read.

use pipeline_random::Draws;
use pipeline_runner::Lock;

use crate::lines::Vocabulary;

const SEED: &str = r#"# Written by `pipeline lock finetune.toml`, checked by `pipeline run finetune.toml --locked`.
format = 1

[stages.events]
key = "0b8393fe08b98c0775f3da28e6eac1fc2c4a50c94c3ca0bbfe657de9461ffb23"
settings = "75f9afdce0e724d60cb81d40e41f77fe55e58bcac29067a7c3595b9ef8e00e41"

[stages.events.outputs]
events = "75f9afdce0e724d60cb81d40e41f77fe55e58bcac29067a7c3595b9ef8e00e41"
"a.b" = ""

[stages.events.metrics]
"train.stays" = 12
share = 0.1

[stages."classifier:features"]
key = ""
settings = ""

[stages.test]
key = "a"
settings = "b"

[stages.test.metrics]
auroc = 0.8437500000000001
brier = 1e-320
n = 9223372036854775807
slope = "undefined"

[stages.test.tolerances]
auroc = 0.005
n = 0.0
"#;

const VOCABULARY: Vocabulary = Vocabulary {
    words: &[
        "0",
        "-1",
        "1.5",
        "nan",
        "-inf",
        "-0.0",
        "1e400",
        "5e-324",
        "0.1",
        "9223372036854775808",
        "-9223372036854775808",
        "\"undefined\"",
        "\"x\"",
        "\"\\u0000\\n\"",
        "'''\n'''",
        "[]",
        "{}",
        "{ auroc = 0.1 }",
        "true",
        "1979-05-27",
        "0x10",
    ],
    keys: &[
        "format",
        "key",
        "settings",
        "auroc",
        "n",
        "\"\"",
        "\"a.b\"",
        "a.b",
        "stages.test.key",
        "stages.test.tolerances.n",
        "tolerances.auroc",
        "metrics.auroc",
        "\"\u{1F980}\\n\"",
    ],
    tables: &[
        "[stages]",
        "[stages.test]",
        "[stages.more]",
        "[stages.test.metrics]",
        "[stages.test.tolerances]",
        "[stages.\"a.b\".outputs]",
        "[[stages]]",
        "[]",
    ],
    lines: &[nested],
};

fn nested(draws: &mut Draws) -> String {
    let depth = 1 + draws.below(2000) as usize;
    match draws.below(2) {
        0 => format!("n = {}{}", "[".repeat(depth), "]".repeat(depth)),
        _ => format!("n{} = 1", ".n".repeat(depth)),
    }
}

pub fn seeds() -> Vec<(String, Vec<u8>)> {
    vec![
        ("lock".into(), SEED.into()),
        ("empty".into(), "format = 1\n[stages]\n".into()),
    ]
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    VOCABULARY.mutate(input, other, draws)
}

/// Whether the lock is read; then it is written and reads back as the same one.
pub fn check(input: &[u8]) -> Result<bool, String> {
    let text = String::from_utf8_lossy(input);
    let lock = match Lock::parse(&text) {
        Ok(lock) => lock,
        Err(what) if what.is_empty() => return Err("an error without a message".into()),
        Err(_) => return Ok(false),
    };
    let written = lock.text()?;
    let again = Lock::parse(&written)
        .map_err(|what| format!("as it is written it is refused: {what}\n{written}"))?;
    match again == lock {
        true => Ok(true),
        false => Err(format!("as it is written it is another lock:\n{written}")),
    }
}
