//! Rules of a `command` stage that join several of its values.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::table::{CommandLine, CommandTable, Piece, pieces};
use crate::kind::StageCheck;
use pipeline_recipe::nearest;

/// Folders that are made for the program; nothing in them is an output.
const RESERVED: [&str; 2] = ["inputs", "tmp"];

impl StageCheck<'_> {
    pub(super) fn command(&mut self, stage: &CommandTable) {
        for (index, text) in stage.run.texts().iter().enumerate() {
            let index = index.to_string();
            let place: &[&str] = match stage.run {
                CommandLine::Words(_) => &["run", &index],
                CommandLine::Shell(_) => &["run"],
            };
            for piece in pieces(text) {
                match piece {
                    Piece::Text(_) => {}
                    Piece::Input(name) => {
                        self.declared(place, "inputs", name, stage.inputs.keys());
                    }
                    Piece::Output(name) => {
                        self.declared(place, "outputs", name, stage.outputs.keys());
                    }
                }
            }
        }
        if let Some(name) = &stage.metrics {
            self.declared(&["metrics"], "outputs", name, stage.outputs.keys());
        }
        self.outputs(&stage.outputs);
        self.stated_twice("pass_env", &stage.pass_env, "env", |name| {
            stage.env.contains_key(name)
        });
        self.stated_twice("secret_env", &stage.secret_env, "env", |name| {
            stage.env.contains_key(name)
        });
        self.stated_twice("secret_env", &stage.secret_env, "pass_env", |name| {
            stage.pass_env.iter().any(|passed| passed == name)
        });
    }

    /// A variable has one origin.
    fn stated_twice(
        &mut self,
        list: &str,
        names: &[String],
        other: &str,
        has: impl Fn(&str) -> bool,
    ) {
        for (index, name) in names.iter().enumerate().filter(|(_, name)| has(name)) {
            let problem = format!("is `{name}`, which `{other}` sets already");
            let place = [list, &index.to_string()];
            let mistake = self.mistake(&place, &problem, &format!("set by `{other}`"));
            self.mistakes.push(mistake);
        }
    }

    fn declared<'n>(
        &mut self,
        place: &[&str],
        table: &str,
        name: &str,
        names: impl Iterator<Item = &'n String> + Clone,
    ) {
        if names.clone().any(|known| known == name) {
            return;
        }
        let problem = format!("names `{name}`, which `{table}` does not declare");
        let mistake = self.mistake(place, &problem, "not declared");
        let names: Vec<&str> = names.map(String::as_str).collect();
        self.mistakes
            .push(match nearest(name, names.iter().copied()) {
                Some(near) => mistake.help(format!("did you mean `{near}`?")),
                None => mistake.help(format!("declare it: {table} = {{ {name} = \"…\" }}")),
            });
    }

    fn outputs(&mut self, outputs: &BTreeMap<String, String>) {
        let mut named: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, file) in outputs {
            let place = ["outputs", name.as_str()];
            let mut parts = Path::new(file).components();
            let first = parts.clone().next();
            let reserved = first.is_some_and(|first| {
                RESERVED
                    .iter()
                    .any(|one| first == Component::Normal(one.as_ref()))
            });
            let mistake = if file.is_empty()
                || file.ends_with('/')
                || !parts.all(|part| matches!(part, Component::Normal(_)))
            {
                let problem =
                    format!("must be a file below the folder the program runs in, not `{file}`");
                Some(self.mistake(&place, &problem, "no such file"))
            } else if reserved {
                let problem = format!("is `{file}`, in a folder that is not kept");
                Some(
                    self.mistake(&place, &problem, "not kept")
                        .help("`inputs` and `tmp` are made for the program"),
                )
            } else {
                named.insert(file, name).map(|other| {
                    let problem = format!("is `{file}`, which is the output `{other}` already");
                    self.mistake(&place, &problem, "declared twice")
                })
            };
            self.mistakes.extend(mistake);
        }
    }
}
