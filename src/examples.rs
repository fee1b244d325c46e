//! What every `--help` ends with: command lines to start from.

use clap::Command;

use crate::arguments::EXIT_CODES;

/// Commands by their names after `pipeline`, each with lines to copy and what they do.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "",
        &[
            (
                "pipeline init study --from data",
                "a recipe for the data in a folder",
            ),
            (
                "pipeline run study/recipe.toml",
                "run the stages that are out of date",
            ),
            ("pipeline report study/recipe.toml", "write report.html"),
        ],
    ),
    (
        "init",
        &[
            (
                "pipeline init study --from data",
                "for the data in a folder",
            ),
            (
                "pipeline init study --template own-model",
                "from a shipped recipe",
            ),
        ],
    ),
    (
        "run",
        &[
            (
                "pipeline run recipe.toml",
                "all stages that are out of date",
            ),
            (
                "pipeline run recipe.toml test --jobs 2",
                "one stage and its dependencies",
            ),
            (
                "pipeline run recipe.toml --set stages.pretrain.epochs=2",
                "with another value",
            ),
            (
                "pipeline run recipe.toml --locked",
                "fail if anything differs from the lock",
            ),
        ],
    ),
    (
        "plan",
        &[
            (
                "pipeline plan recipe.toml",
                "the stages that would run, and why",
            ),
            (
                "pipeline plan recipe.toml --check",
                "exit 5 if anything would run",
            ),
        ],
    ),
    (
        "explain",
        &[(
            "pipeline explain recipe.toml classifier --set seed=7",
            "the differences from the nearest earlier result",
        )],
    ),
    (
        "graph",
        &[
            ("pipeline graph recipe.toml", "as text"),
            ("pipeline graph recipe.toml --format svg", "as a picture"),
        ],
    ),
    (
        "check",
        &[
            ("pipeline check recipe.toml", "every mistake at once"),
            (
                "pipeline check recipe.toml --resolved",
                "every value as it will run",
            ),
        ],
    ),
    (
        "outputs",
        &[
            ("pipeline outputs recipe.toml", "all artifacts"),
            (
                "pipeline outputs recipe.toml test predictions",
                "the path of one",
            ),
        ],
    ),
    (
        "export",
        &[
            (
                "pipeline export recipe.toml test predictions predictions.parquet",
                "copy one artifact",
            ),
            (
                "pipeline export recipe.toml classifier weights w.safetensors --layout pytorch",
                "for load_state_dict of the PyTorch reference",
            ),
            (
                "pipeline export recipe.toml boards --layout tensorboard",
                "every history, as TensorBoard reads it",
            ),
        ],
    ),
    (
        "bundle",
        &[(
            "pipeline bundle recipe.toml forecast bundle",
            "a folder to predict with",
        )],
    ),
    (
        "predict",
        &[(
            "pipeline predict bundle --source source.toml --output predictions.parquet",
            "predict the stays of a source",
        )],
    ),
    (
        "diagnose",
        &[
            ("pipeline diagnose recipe.toml", "every finetuned model"),
            ("pipeline diagnose recipe.toml classifier", "one of them"),
        ],
    ),
    (
        "report",
        &[
            ("pipeline report recipe.toml", "write report.html"),
            (
                "pipeline report recipe.toml --output study.html --model-card card.md",
                "and a model card",
            ),
        ],
    ),
    (
        "inspect",
        &[
            ("pipeline inspect best.ckpt", "its tensors"),
            (
                "pipeline inspect best.ckpt --for recipe.toml",
                "the verdict of the recipe's imports",
            ),
        ],
    ),
    (
        "sweep",
        &[
            ("pipeline sweep recipe.toml --jobs 2", "run every variant"),
            (
                "pipeline sweep recipe.toml --ask-tell",
                "let an optimizer choose",
            ),
        ],
    ),
    (
        "sweep plan",
        &[(
            "pipeline sweep plan recipe.toml",
            "the stages that are left",
        )],
    ),
    (
        "sweep show",
        &[
            (
                "pipeline sweep show recipe.toml",
                "settings, the best first",
            ),
            (
                "pipeline sweep show recipe.toml --format html --write sweep.html",
                "the same as a page",
            ),
        ],
    ),
    (
        "sweep best",
        &[(
            "pipeline sweep best recipe.toml --write best.toml",
            "a recipe of the best setting",
        )],
    ),
    (
        "runs",
        &[
            ("pipeline runs --limit 5", "the latest five"),
            ("pipeline runs show 20260102T030405Z", "one of them"),
        ],
    ),
    (
        "runs show",
        &[("pipeline runs show 20260102", "by the beginning of its id")],
    ),
    (
        "submit",
        &[
            (
                "pipeline submit recipe.toml --dry-run",
                "print the scripts, submit nothing",
            ),
            (
                "pipeline submit recipe.toml --cluster cluster.toml",
                "continue that submission",
            ),
        ],
    ),
    (
        "cancel",
        &[("pipeline cancel 20260102T030405Z", "one submitted run")],
    ),
    (
        "watch",
        &[
            (
                "pipeline watch 20260102T030405Z",
                "a submitted run, until all is over",
            ),
            (
                "pipeline watch --serve 127.0.0.1:8080",
                "a page of the latest run, for a browser on this machine",
            ),
            (
                "pipeline watch --serve 127.0.0.1:0 20260102",
                "of one run, on any free port",
            ),
        ],
    ),
    (
        "mlflow",
        &[(
            "pipeline mlflow --url http://127.0.0.1:5000 --experiment icu",
            "send the latest run",
        )],
    ),
    (
        "compare",
        &[(
            "pipeline compare 20260102T03 20260102T04 --output compare.html",
            "two runs, by the beginnings of their ids",
        )],
    ),
    (
        "cache",
        &[
            ("pipeline cache ls", "the results in the store"),
            ("pipeline cache gc --dry-run", "how much would be removed"),
        ],
    ),
    (
        "cache ls",
        &[("pipeline cache ls --store DIR", "of another store")],
    ),
    (
        "cache verify",
        &[("pipeline cache verify --repair", "remove damaged files")],
    ),
    (
        "cache push",
        &[(
            "pipeline cache push recipe.toml",
            "give results to other machines",
        )],
    ),
    (
        "cache pull",
        &[(
            "pipeline cache pull recipe.toml test",
            "take one stage and its dependencies",
        )],
    ),
    (
        "cache keygen",
        &[(
            "pipeline cache keygen team.key",
            "the public half is team.key.pub",
        )],
    ),
    (
        "cache gc",
        &[
            (
                "pipeline cache gc --keep-recipe recipe.toml",
                "keep the results of a recipe",
            ),
            (
                "pipeline cache gc --max-size 20GB --dry-run",
                "the oldest results first",
            ),
        ],
    ),
    (
        "lock",
        &[("pipeline lock recipe.toml", "write recipe.lock")],
    ),
    (
        "selftest",
        &[(
            "pipeline selftest --device cuda:0",
            "before the first run on a GPU",
        )],
    ),
    (
        "schema",
        &[
            ("pipeline schema", "of a recipe"),
            ("pipeline schema metrics", "of the artifact metrics"),
        ],
    ),
    (
        "completions",
        &[("pipeline completions bash", "a script for bash")],
    ),
    (
        "man",
        &[("pipeline man pages", "one page a command, into a folder")],
    ),
    (
        "help",
        &[
            ("pipeline help cache gc", "as pipeline cache gc --help"),
            ("pipeline help error", "all errors that have a page"),
            ("pipeline help error missed-parameter", "one of them"),
        ],
    ),
];

/// The examples of a command, `cache gc`.
pub fn of(path: &str) -> &'static [(&'static str, &'static str)] {
    let found = EXAMPLES.iter().find(|(command, _)| *command == path);
    found.map_or(&[], |(_, examples)| examples)
}

/// The same command line, every help of which ends with examples, and the first of them with the exit codes.
pub fn added(command: Command) -> Command {
    with(command, "").after_help(format!("{}\n\n{EXIT_CODES}", section("")))
}

fn with(command: Command, path: &str) -> Command {
    let typed = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set());
    let names = typed.map(Command::get_name);
    let names: Vec<String> = names.map(str::to_string).collect();
    let command = command.after_help(format!("{}\n\nExit codes: pipeline --help", section(path)));
    names.into_iter().fold(command, |command, name| {
        let path = format!("{path} {name}");
        command.mut_subcommand(name, |inner| with(inner, path.trim_start()))
    })
}

fn section(path: &str) -> String {
    let lines = of(path)
        .iter()
        .map(|(line, does)| format!("\n  {line}\n      {does}"));
    format!("Examples:{}", lines.collect::<String>())
}

#[cfg(test)]
mod tests;
