use super::*;
use crate::command_line;

fn walk(command: &Command, path: &str, seen: &mut Vec<String>) {
    let help = command.clone().render_long_help().to_string();
    assert!(help.contains("\nExamples:\n  pipeline "), "{path}\n{help}");
    for (line, _) in of(path) {
        let words: Vec<&str> = line.split(' ').collect();
        let own = path.split(' ').filter(|word| !word.is_empty());
        assert!(words[1..].starts_with(&own.collect::<Vec<_>>()), "{line}");
        let parsed = command_line::command().try_get_matches_from(words);
        assert!(parsed.is_ok(), "{line}: {parsed:?}");
    }
    seen.push(path.into());
    for inner in (command.get_subcommands()).filter(|inner| !inner.is_hide_set()) {
        let path = format!("{path} {}", inner.get_name());
        walk(inner, path.trim_start(), seen);
    }
}

#[test]
fn every_help_has_examples_that_can_be_typed() {
    let mut seen = vec![];
    walk(&command_line::command(), "", &mut seen);
    for (path, _) in EXAMPLES {
        assert!(seen.iter().any(|one| one == path), "no command {path}");
    }
}
