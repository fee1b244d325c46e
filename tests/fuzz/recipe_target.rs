//! Recipes: mutations line by line and word by word, and what must hold of one that is loaded.

use std::fs::File;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use miette::{GraphicalReportHandler, GraphicalTheme};
use pipeline_kinds::{Recipe, resolve};
use pipeline_random::Draws;
use pipeline_recipe::Override;

use crate::bytes::place;
use crate::lines::Vocabulary;
use crate::target::files;

/// A line that begins so is an argument of `--set` rather than of the recipe.
const SET: &str = "#set ";

/// Recipes that use what the shipped ones do not.
const MORE: &str = r##"
format = 1
extends = ["finetune.toml"]
[vars]
lr = 1e-3
list = [0.8, 0.1, 0.1]
text = "a${vars.lr}b${env:HOME:-x}"
deep.er = { inner = "${vars.text}" }
[stages.events]
split = { ratio = "${vars.list}" }
[stages.pretrain]
optimizer = { lr = "${vars.lr}" }
#set stages.pretrain.epochs=3
#set vars.lr=1e-2
"##;

const WORDS: &[&str] = &[
    "\"${vars.a}\"",
    "\"${vars.b}${vars.b}\"",
    "\"${vars.stays}\"",
    "\"${env:HOME}\"",
    "\"${env:NONE:-1}\"",
    "\"$${\"",
    "\"${\"",
    "\"${vars.}\"",
    "[]",
    "{}",
    "0",
    "-1",
    "1e400",
    "nan",
    "-inf",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "0x10",
    "\"\"",
    "'x'",
    "\"\\u0000\"",
    "\"\u{1F980}\"",
    "true",
    "1979-05-27",
    "[[[[[[[[]]]]]]]]",
    "{ a = { a = { a = 1 } } }",
    "\"events\"",
    "\"classifier\"",
    "\"data\"",
    "\"import\"",
    "\"command\"",
    "\"freeze\"",
    "\"seqsetvae\"",
    "[\"finetune.toml\"]",
    "[\"mutated.toml\"]",
    "[\"missing.toml\"]",
    "[\"*\"]",
    "[\"[\"]",
    "[\"{a,b\"]",
    "1.0",
    "0.5",
];

const KEYS: &[&str] = &[
    "a",
    "b",
    "vars.a",
    "vars.b",
    "format",
    "extends",
    "seed",
    "name",
    "kind",
    "data",
    "model",
    "from",
    "into",
    "new",
    "ignore",
    "trainable",
    "epochs",
    "source",
    "split",
    "embeddings",
    "optimizer",
    "classifier",
    "statistics",
    "loss",
    "stages.x.kind",
    "stages.events.kind",
    "\"\"",
    "\"a.b\"",
    "a.a.a.a",
    "program",
    "inputs",
    "outputs",
    "run",
    "threads",
];

const TABLES: &[&str] = &[
    "[vars]",
    "[model]",
    "[model.classifier]",
    "[stages.x]",
    "[stages.events]",
    "[stages.test]",
    "[stages]",
    "[[stages]]",
    "[sweep]",
    "[]",
    "[a.b.c]",
    "[\"\"]",
];

/// The shipped recipes, and one of all references.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = files("recipes");
    seeds.push(("references".into(), MORE.into()));
    seeds
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    VOCABULARY.mutate(input, other, draws)
}

const VOCABULARY: Vocabulary = Vocabulary {
    words: WORDS,
    keys: KEYS,
    tables: TABLES,
    lines: &[set, chain, nested],
};

fn set(draws: &mut Draws) -> String {
    format!(
        "{SET}{}",
        VOCABULARY.statement(draws).replacen(" = ", "=", 1)
    )
}

/// Variables made of each other.
fn chain(draws: &mut Draws) -> String {
    let times = 1 + place(draws, 12);
    let length = 1 + draws.below(30);
    let link = |index: u64| match times % 2 {
        0 => format!("\"{}\"", format!("${{vars.v{index}}}").repeat(times)),
        _ => format!("[{}]", format!("\"${{vars.v{index}}}\",").repeat(times)),
    };
    let links = (0..length).map(|index| format!("v{index} = {}\n", link(index + 1)));
    format!("[vars]\n{}v{length} = 1", links.collect::<String>())
}

/// One of what TOML nests, deep.
fn nested(draws: &mut Draws) -> String {
    let depth = 1 + place(draws, 2000);
    match draws.below(4) {
        0 => format!("a = {}{}", "[".repeat(depth), "]".repeat(depth)),
        1 => format!("a = {}1{}", "{ a = ".repeat(depth), " }".repeat(depth)),
        2 => format!("a{} = 1", ".a".repeat(depth)),
        _ => format!("[a{}]", ".a".repeat(depth)),
    }
}

/// A folder in which recipes find what they extend.
pub struct Recipes {
    _folder: tempfile::TempDir,
    mutated: Scratch,
    printed: Scratch,
}

/// The shipped recipes with the files that they name.
fn lay_out(folder: &Path) -> std::io::Result<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    symlink(repository.join("tests"), folder.join("tests"))?;
    let recipes = folder.join("recipes");
    std::fs::create_dir(&recipes)?;
    symlink(
        repository.join("recipes/programs"),
        recipes.join("programs"),
    )?;
    for (name, text) in files("recipes") {
        std::fs::write(recipes.join(name), text)?;
    }
    let data = folder.join("data/physionet2012");
    for set in ["set-a", "set-b"] {
        std::fs::create_dir_all(data.join(set))?;
    }
    for file in ["Outcomes-a.txt", "Outcomes-b.txt", "splits.csv"] {
        std::fs::write(data.join(file), "")?;
    }
    Ok(())
}

/// A file that is written again and again. It stays open: closing it would wait for the disk.
struct Scratch {
    path: PathBuf,
    file: File,
}

impl Scratch {
    fn new(path: PathBuf) -> Self {
        let file = File::create(&path).expect("the temporary folder can be written");
        Self { path, file }
    }

    fn write(&self, bytes: &[u8]) {
        let written = self.file.set_len(0);
        let written = written.and_then(|()| self.file.write_all_at(bytes, 0));
        written.expect("the temporary folder can be written");
    }
}

impl Recipes {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        let laid_out = lay_out(folder.path());
        laid_out.expect("the temporary folder can be written");
        Self {
            mutated: Scratch::new(folder.path().join("recipes/mutated.toml")),
            printed: Scratch::new(folder.path().join("recipes/printed.toml")),
            _folder: folder,
        }
    }

    pub fn check(&self, input: &[u8]) -> Result<bool, String> {
        let text = String::from_utf8_lossy(input);
        let overrides = text.lines().filter_map(|line| line.strip_prefix(SET));
        let overrides: Vec<Override> = overrides.take(8).map(Override::new).collect();
        self.mutated.write(input);
        let (recipe, resolved) = match resolve(&self.mutated.path, &overrides) {
            Ok(read) => read,
            Err(error) => return rendered(&error).map(|()| false),
        };
        let printed = resolved.to_string();
        self.printed.write(printed.as_bytes());
        let (again, second) = resolve(&self.printed.path, &[])
            .map_err(|error| format!("as printed it is refused: {error:?}\n{printed}"))?;
        let same = |one: &Recipe, two: &Recipe| {
            (&one.name, one.seed, &one.model, &one.stages)
                == (&two.name, two.seed, &two.model, &two.stages)
        };
        let values = |resolved: &pipeline_recipe::Resolved| -> Vec<_> {
            let values = resolved.values.iter();
            values
                .map(|value| (value.table.clone(), value.key.clone(), value.value.clone()))
                .collect()
        };
        match same(&recipe, &again) && values(&resolved) == values(&second) {
            true => Ok(true),
            false => Err(format!("as printed it means something else:\n{printed}")),
        }
    }
}

/// An error must be one that can be shown.
fn rendered(error: &pipeline_error::Error) -> Result<(), String> {
    let mut text = String::new();
    let shown = GraphicalReportHandler::new_themed(GraphicalTheme::none());
    let shown = shown.render_report(&mut text, error);
    match shown {
        Ok(()) if !text.is_empty() => Ok(()),
        _ => Err(format!("an error that cannot be shown: {error:?}")),
    }
}
