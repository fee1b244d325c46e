//! The pages of `docs/reference`, and the list of errors, are what the program and the schemas say.
//!
//! They are written anew with `UPDATE_REFERENCE=1 cargo test --release --test main reference_pages`.

use std::fmt::Write as _;

use pipeline_error::Code;
use serde_json::{Map, Value};

use crate::document::repository;
use crate::harness::Test;

#[track_caller]
fn is_current(page: &str, now: &str) {
    let path = repository(page);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    if before == now {
        return;
    }
    if std::env::var_os("UPDATE_REFERENCE").is_some_and(|value| value == "1") {
        let folder = std::path::Path::new(&path).parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(&path, now).expect("a page can be written");
        return;
    }
    let line = before.lines().zip(now.lines()).position(|(a, b)| a != b);
    panic!(
        "{page}:{}: write it anew with UPDATE_REFERENCE=1 cargo test --release --test main reference_pages",
        line.unwrap_or_default() + 1
    );
}

#[test]
fn the_list_of_errors_is_that_of_the_program() {
    let list = Test::new().args(["help", "error"]).run().success().stdout;
    let mut page = "# Errors\n\nAn error of one of these kinds ends with a line `note: pipeline help error NAME`. That command prints the page of the error. [Running](../running.md#exit-codes) lists the exit codes.\n".to_string();
    for line in list.lines().skip(1) {
        if line.starts_with("Exit code ") {
            let _ = write!(page, "\n## {line}\n\n| error | |\n|---|---|\n");
        } else if let Some((name, summary)) = line.trim_start().split_once(' ') {
            let _ = writeln!(page, "| [{name}]({name}.md) | {} |", summary.trim_start());
        }
    }
    for code in Code::ALL {
        assert!(page.contains(&format!("({}.md)", code.name())));
    }
    is_current("docs/errors/README.md", &page);
}

/// The commands that a help lists.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let lines = lines.take_while(|line| line.starts_with("  "));
    let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    names.filter(|name| !name.is_empty()).collect()
}

fn help(words: &[&str]) -> String {
    let line = words.iter().copied().chain(["--help"]);
    let test = Test::new().env("COLUMNS", "100").args(line);
    test.run().success().stdout
}

#[test]
fn the_page_of_commands_is_what_help_says() {
    let whole = help(&[]);
    let mut page = format!(
        "# Commands\n\nEach section is the output of `pipeline COMMAND --help`.\n\n## pipeline\n\n```text\n{whole}```\n"
    );
    let mut count = 0;
    for command in commands(&whole) {
        let text = help(&[command]);
        let _ = write!(page, "\n## pipeline {command}\n\n```text\n{text}```\n");
        for inner in commands(&text) {
            let text = help(&[command, inner]);
            let _ = write!(
                page,
                "\n### pipeline {command} {inner}\n\n```text\n{text}```\n"
            );
        }
        count += 1;
    }
    assert!(count > 20, "{count} commands");
    let lines = page.lines().map(str::trim_end);
    let page: Vec<&str> = lines.collect();
    is_current("docs/reference/commands.md", &(page.join("\n") + "\n"));
}

#[test]
fn the_page_of_recipes_is_the_schema() {
    let title = "# Keys of a recipe\n\nThis page lists every table and key of a recipe, from [its JSON schema](../../schemas/recipe.schema.json). A `\"${…}\"` may stand for any number, word or truth value. [Recipes](../recipes.md) explains how a recipe is written.\n";
    let text = schema_page("schemas/recipe.schema.json", title);
    assert!(text.contains("\n## StageConfig\n") && text.contains("| `epochs` |"));
    is_current("docs/reference/recipe.md", &text);
}

#[test]
fn the_page_of_metrics_is_the_schema() {
    let title = "# The artifact `metrics`\n\nThis page lists every field of the artifact `metrics` of an evaluate stage that scores classes, from [its JSON schema](../../schemas/metrics.schema.json). A target that is a number or several labels has [another document](target-metrics.md). [Evaluation](../evaluation.md#metrics) has the definitions.\n";
    let text = schema_page("schemas/metrics.schema.json", title);
    assert!(text.contains("| `auroc` |"));
    is_current("docs/reference/metrics.md", &text);
}

#[test]
fn the_page_of_metrics_of_targets_is_the_schema() {
    let title = "# The artifact `metrics` of a target\n\nThis page lists every field of the artifact `metrics` of an evaluate stage that scores a number or several labels, from [its JSON schema](../../schemas/target-metrics.schema.json). Classes have [another document](metrics.md). [Tasks](../tasks.md) explains targets.\n";
    let text = schema_page("schemas/target-metrics.schema.json", title);
    assert!(text.contains("| `target` |"));
    is_current("docs/reference/target-metrics.md", &text);
}

fn schema_page(path: &str, title: &str) -> String {
    let text = std::fs::read_to_string(repository(path)).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let mut page = format!("{title}\n## The document\n");
    object(&schema, &mut page);
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        // The same tables, of recipes that extend others; and what these need beside.
        if name.starts_with("PartOf") || name == "CompleteRecipe" {
            continue;
        }
        let _ = write!(page, "\n## {name}\n\n{}\n", described(definition));
        type_of(definition, &mut page);
    }
    page
}

/// A definition's keys, its values, or its forms.
fn type_of(definition: &Value, page: &mut String) {
    let forms = ["oneOf", "anyOf"]
        .iter()
        .find_map(|key| definition[key].as_array());
    let Some(forms) = forms else {
        return object(definition, page);
    };
    let forms = forms.iter().filter(|form| !is_place(form));
    let (tables, values): (Vec<&Value>, Vec<&Value>) =
        forms.partition(|form| form["properties"].is_object());
    if !values.is_empty() {
        page.push_str("\n| value | meaning |\n|---|---|\n");
    }
    for value in values {
        let _ = writeln!(page, "| {} | {} |", shown(value), described(value));
    }
    for table in tables {
        let _ = write!(page, "\n### {}\n\n{}\n", heading(table), described(table));
        object(table, page);
    }
}

/// Whether a form is there for a `"${…}"` alone.
fn is_place(form: &Value) -> bool {
    form["type"] == "string" && form["pattern"] == "\\$\\{"
}

/// What tells a form of a table from the others: `kind = "data"`, or its keys.
fn heading(table: &Value) -> String {
    let properties = table["properties"].as_object();
    let constant = properties
        .into_iter()
        .flatten()
        .find_map(|(key, value)| Some(format!("{key} = {}", value.get("const")?)));
    constant.unwrap_or_else(|| {
        let keys = table["required"].as_array().into_iter().flatten();
        let keys: Vec<&str> = keys.filter_map(Value::as_str).collect();
        format!("With {}", keys.join(", "))
    })
}

fn object(table: &Value, page: &mut String) {
    let Some(properties) = table["properties"].as_object() else {
        let _ = writeln!(page, "\nType: {}.", shown(table));
        return;
    };
    let required: Vec<&Value> = table["required"].as_array().into_iter().flatten().collect();
    page.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
    for (key, value) in properties {
        let is_required = required.iter().any(|one| *one == key);
        let default = match value.get("default").filter(|default| !default.is_null()) {
            _ if is_required => "required".into(),
            Some(default) if is_short(default) => format!("`{default}`"),
            _ => String::new(),
        };
        let _ = writeln!(
            page,
            "| `{key}` | {} | {} | {} |",
            shown(value),
            cell(&default),
            described(value)
        );
    }
}

fn is_short(default: &Value) -> bool {
    default.to_string().len() < 60
}

fn described(value: &Value) -> String {
    cell(value["description"].as_str().unwrap_or_default())
}

fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}

/// A type in words, with links to the tables that it names.
fn shown(value: &Value) -> String {
    if let Some(reference) = value["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        let name = name.strip_prefix("PartOf").unwrap_or(name);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(constant) = value.get("const") {
        return format!("`{constant}`");
    }
    if let Some(values) = value["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("`{value}`")).collect();
        return values.join(", ");
    }
    let forms = ["oneOf", "anyOf"]
        .iter()
        .find_map(|key| value[key].as_array());
    if let Some(forms) = forms {
        let forms = forms.iter();
        let forms = forms.filter(|form| form["type"] != "null" && !is_place(form));
        return joined(forms.map(shown).collect());
    }
    let types = match &value["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    // A text only as a place to put a value in.
    let may_be_reference = value["pattern"] == "\\$\\{" && types.len() > 1;
    let types = types.into_iter().filter(|name| match *name {
        "null" => false,
        "string" => !may_be_reference,
        _ => true,
    });
    let words = types.map(|name| match name {
        "array" => format!("list of {}", items(value)),
        "object" => match value["additionalProperties"].is_object() {
            true => format!("table of {}", shown(&value["additionalProperties"])),
            false => "table".into(),
        },
        "string" => "text".into(),
        "boolean" => "true or false".into(),
        "integer" | "number" => format!("{name}{}", range(value)),
        other => other.into(),
    });
    joined(words.collect())
}

fn items(value: &Value) -> String {
    match value.get("items") {
        Some(items) if items.is_object() => shown(items),
        _ => match value["prefixItems"].as_array() {
            Some(items) => joined(items.iter().map(shown).collect()),
            None => "values".into(),
        },
    }
}

fn joined(mut words: Vec<String>) -> String {
    words.dedup();
    match words.is_empty() {
        true => "any".into(),
        false => words.join(" or "),
    }
}

fn range(value: &Value) -> String {
    let empty = Map::new();
    let value = value.as_object().unwrap_or(&empty);
    let bounds = [
        ("minimum", "≥"),
        ("exclusiveMinimum", ">"),
        ("maximum", "≤"),
        ("exclusiveMaximum", "<"),
    ];
    let bounds = bounds.iter().filter_map(|(key, sign)| {
        let bound = value.get(*key)?.as_f64()?;
        Some(format!("{sign} {bound}"))
    });
    let bounds: Vec<String> = bounds.collect();
    match bounds.is_empty() {
        true => String::new(),
        false => format!(" {}", bounds.join(", ")),
    }
}
