//! The transcripts in the README, and in those of `docs/` that have some, are what the program writes.
//!
//! Every ```` ```toml ```` block that begins with `# NAME.toml`, and every ```` ```LANGUAGE NAME ````, is
//! written as that file into a fresh folder that has `recipes/` and the made-up `meds/`; every ```` ```console ```` block is run there by a shell, in
//! order, one store for all. Only what differs from machine to machine and from run to run is not compared: digests
//! and times of day. Blanks at the ends of lines are left out. The blocks are written anew with
//! `UPDATE_README=1 cargo test --release --test main readme`.

use crate::document::repository;
use crate::harness::{Outcome, Test};
use crate::meds_layout;
use crate::wide_layout;

/// A fenced block: its language, and the lines within.
struct Block<'a> {
    language: &'a str,
    lines: Vec<&'a str>,
}

/// A piece of the README.
enum Part<'a> {
    Text(&'a str),
    Block(Block<'a>),
}

fn parts(readme: &str) -> Vec<Part<'_>> {
    let mut parts = vec![];
    let mut open: Option<Block> = None;
    for line in readme.lines() {
        match (open.take(), line.strip_prefix("```")) {
            (None, Some(language)) => {
                let lines = vec![];
                open = Some(Block { language, lines });
            }
            (None, None) => parts.push(Part::Text(line)),
            (Some(block), Some(_)) => parts.push(Part::Block(block)),
            (Some(mut block), None) => {
                block.lines.push(line);
                open = Some(block);
            }
        }
    }
    assert!(open.is_none(), "a block has no end");
    parts
}

/// A folder with the shipped recipes and what they name, and with a dataset in MEDS.
fn folder() -> Test {
    with_files_of(meds_layout::write(Test::new()), "recipes")
}

/// The same folder with all files of one of this repository.
pub fn with_files_of(mut test: Test, folder: &str) -> Test {
    for entry in std::fs::read_dir(repository(folder)).expect("recipes are shipped") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let name = format!("{folder}/{name}");
        test = match path.is_dir() {
            true => with_files_of(test, &name),
            false => test.file(&name, std::fs::read(&path).expect("a recipe")),
        };
    }
    test
}

/// What the commands of a block write, each after its `$`, and how they ended.
fn transcript(test: &Test, block: &Block) -> (String, Vec<Outcome>) {
    let mut text = String::new();
    let mut outcomes = vec![];
    for line in &block.lines {
        let Some(command) = line.strip_prefix("$ ") else {
            continue;
        };
        let mut outcome = test.shell(command);
        if command.ends_with(" > /dev/null") && outcome.stderr.is_empty() {
            outcome = outcome.success();
        }
        // In which order a terminal shows two streams is not known.
        let one = outcome.stdout.is_empty() || outcome.stderr.is_empty();
        assert!(one, "{command} writes to both streams{outcome}");
        // Where the folder lies differs from run to run.
        let folder = format!("{}/", test.folder().display());
        let (told, wrong) = (
            outcome.stdout.replace(&folder, ""),
            outcome.stderr.replace(&folder, ""),
        );
        let lines = [command, &told, &wrong];
        let lines = lines.iter().flat_map(|text| text.lines());
        let lines: String = lines.map(|line| format!("{}\n", line.trim_end())).collect();
        text += &format!("$ {lines}");
        outcomes.push(outcome);
    }
    (text, outcomes)
}

/// Stands in for what varies, word by word.
fn comparable(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split(' ').map(|word| match word {
            _ if is_digest(word) => "DIGEST",
            _ if is_time(word) => "TIME",
            _ => word,
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    lines.collect()
}

/// A digest, the beginning of one, or a path that ends in one.
fn is_digest(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or_default();
    let name = name.trim_end_matches(['…', ',']);
    name.len() >= 12 && name.chars().all(|letter| letter.is_ascii_hexdigit())
}

/// A time of day, or the folder of a run.
fn is_time(word: &str) -> bool {
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).count();
    let is_run = |part: &str| part.contains('T') && digits(part) >= 14;
    (word.ends_with('Z') && digits(word) == 14) || word.split('/').any(is_run)
}

#[test]
fn the_transcripts_of_the_readme_are_what_the_program_writes() {
    let outcomes = replay("README.md", wide_layout::write(Test::new()));
    assert!(outcomes.len() >= 6, "{} commands", outcomes.len());
}

#[test]
fn own_data_take_fifteen_lines() {
    let readme = std::fs::read_to_string(repository("README.md")).expect("a README");
    let recipe = parts(&readme).into_iter().find_map(|part| match part {
        Part::Block(block) if block.language == "toml" => Some(block.lines),
        _ => None,
    });
    let recipe = recipe.expect("a recipe for data of one's own");
    assert!(recipe.len() <= 15, "{} lines", recipe.len());
}

#[test]
fn the_transcripts_of_running_are_what_the_program_writes() {
    are_what_the_program_writes("docs/running.md");
}

#[test]
fn the_transcripts_of_data_formats_are_what_the_program_writes() {
    are_what_the_program_writes("docs/data.md");
}

#[test]
fn the_transcripts_of_sweeps_are_what_the_program_writes() {
    are_what_the_program_writes("docs/sweeps.md");
}

#[test]
fn the_transcripts_of_external_validation_are_what_the_program_writes() {
    are_what_the_program_writes("docs/external-validation.md");
}

#[test]
fn the_transcripts_of_predictions_are_what_the_program_writes() {
    are_what_the_program_writes("docs/predict.md");
}

#[test]
fn the_transcripts_of_finetuning_are_what_the_program_writes() {
    are_what_the_program_writes("docs/finetuning.md");
}

#[test]
fn the_transcripts_of_tasks_are_what_the_program_writes() {
    are_what_the_program_writes("docs/tasks.md");
}

#[test]
fn the_transcripts_of_evaluation_are_what_the_program_writes() {
    are_what_the_program_writes("docs/evaluation.md");
}

#[track_caller]
fn are_what_the_program_writes(document: &str) {
    let outcomes = replay(document, folder());
    assert!(outcomes.len() >= 4, "{} commands", outcomes.len());
}

/// Writes a document's files into the test's folder, runs its commands there, and compares; how they ended is returned.
#[track_caller]
pub fn replay(document: &str, test: Test) -> Vec<Outcome> {
    replay_in(document, test).0
}

/// The same; the test's folder is returned too, as the commands left it.
#[track_caller]
pub fn replay_in(document: &str, mut test: Test) -> (Vec<Outcome>, Test) {
    let path = repository(document);
    let readme = std::fs::read_to_string(&path).expect("a README");
    let mut written = String::new();
    let mut outcomes = vec![];
    for part in parts(&readme) {
        let block = match part {
            Part::Text(line) => {
                written += &format!("{line}\n");
                continue;
            }
            Part::Block(block) => block,
        };
        let before: String = block.lines.iter().map(|line| format!("{line}\n")).collect();
        let first = block.lines.first().copied().unwrap_or_default();
        if let Some(name) = first
            .strip_prefix("# ")
            .filter(|_| block.language == "toml")
        {
            test = test.file(name, &before);
        }
        if let Some((_, name)) = block.language.split_once(' ') {
            test = test.file(name, &before);
        }
        let mut lines = before.clone();
        if block.language == "console" {
            let (now, ended) = transcript(&test, &block);
            outcomes.extend(ended);
            if comparable(&now) != comparable(&before) {
                lines = now;
            }
        }
        written += &format!("```{}\n{lines}```\n", block.language);
    }
    if written == readme {
        return (outcomes, test);
    }
    if std::env::var_os("UPDATE_README").is_some_and(|value| value == "1") {
        std::fs::write(&path, written).expect("the README can be written");
        return (outcomes, test);
    }
    let shown = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
    let (before, now) = (shown(&readme), shown(&written));
    let differs = before
        .iter()
        .zip(&now)
        .position(|(before, now)| before != now);
    let line = differs.unwrap_or(before.len().min(now.len()));
    panic!(
        "{document}:{}: a transcript is not what the program writes:\n- {}\n+ {}\n\
         write it anew with UPDATE_README=1 cargo test --release --test main readme",
        line + 1,
        before.get(line).map_or("", String::as_str),
        now.get(line).map_or("", String::as_str),
    );
}

#[test]
fn only_what_varies_is_left_out_of_the_comparison() {
    let line = "nearest  1c6a515f70188182, 2026-01-02T03:04:05Z 0.8123 train.stays 7";
    let expected = "nearest  DIGEST TIME 0.8123 train.stays 7\n";
    assert_eq!(comparable(line), expected);
    assert_eq!(
        comparable("stages.pretrain.epochs 1 2"),
        "stages.pretrain.epochs 1 2\n"
    );
    assert_eq!(
        comparable(".pipeline/blobs/v1/ab/ab12cd34ef56ab12"),
        "DIGEST\n"
    );
}

#[test]
fn issue16_the_annotated_recipe_runs_as_it_is_pasted() {
    let readme = std::fs::read_to_string(repository("docs/recipes.md")).expect("a page");
    let recipes = parts(&readme).into_iter().filter_map(|part| match part {
        Part::Block(block) if block.language == "toml" => Some(block.lines.join("\n")),
        _ => None,
    });
    let recipes: Vec<String> = recipes
        .filter(|text| text.starts_with("#:schema"))
        .collect();
    let [recipe] = recipes.as_slice() else {
        panic!("one recipe of its own: {recipes:?}");
    };
    let mut test = Test::new().recipe(recipe);
    test.run_with(["check", "recipe.toml"]).success();
    // A smaller cohort and fewer epochs: whether it fits together depends on neither.
    let small = ["stages.events.source.stays=120", "stages.pretrain.epochs=1"];
    let set = small.iter().flat_map(|value| ["--set", *value]);
    let run = ["run", "recipe.toml", "--quiet"].into_iter().chain(set);
    test.run_with(run).success().stdout_has("AUROC");
}
