//! How the trainings went, and what the monitor of the posterior saw.

use maud::{Markup, html};

use pipeline_error::Error;
use pipeline_page::chart::{Axis, Chart, Ink, Layer};
use pipeline_page::figure::{KeyEntry, figure};
use pipeline_page::number;
use pipeline_page::table::{Table, text};
use pipeline_page::together;
use pipeline_train::history::History;

/// A picture of some columns of a history; columns that it does not have are left out.
struct Picture {
    name: &'static str,
    title: &'static str,
    axis: &'static str,
    columns: &'static [&'static str],
}

const PICTURES: [Picture; 10] = [
    Picture {
        name: "reconstruction",
        title: "Reconstruction loss",
        axis: "loss",
        columns: &["train_reconstruction", "validation_reconstruction"],
    },
    Picture {
        name: "kl",
        title: "KL divergence",
        axis: "nats a set",
        columns: &["train_kl", "validation_kl"],
    },
    Picture {
        name: "summary",
        title: "Task: summary of what has been",
        axis: "loss",
        columns: &["train_summary", "validation_summary"],
    },
    Picture {
        name: "forecast",
        title: "Task: what comes",
        axis: "loss",
        columns: &["train_forecast", "validation_forecast"],
    },
    Picture {
        name: "loss",
        title: "Loss",
        axis: "loss",
        columns: &["train_loss", "validation_loss"],
    },
    Picture {
        name: "ranking",
        title: "Ranking on validation",
        axis: "metric",
        columns: &["validation_auroc", "validation_average_precision"],
    },
    Picture {
        name: "posterior-kl",
        title: "Posterior: KL by latent dimension",
        axis: "nats a set",
        columns: &[
            "posterior_kl_max",
            "posterior_kl_median",
            "posterior_kl_min",
        ],
    },
    Picture {
        name: "active-units",
        title: "Posterior: active units",
        axis: "dimensions",
        columns: &["posterior_active_units", "train_posterior_active_units"],
    },
    Picture {
        name: "posterior-variance",
        title: "Posterior: variance",
        axis: "variance",
        columns: &[
            "posterior_variance_max",
            "posterior_variance",
            "posterior_variance_min",
        ],
    },
    Picture {
        name: "gradient-norm",
        title: "Gradient norm",
        axis: "norm",
        columns: &["gradient_norm"],
    },
];

const INKS: [Ink; 3] = [Ink::First, Ink::Second, Ink::Third];

pub fn of_stage(
    stage: &str,
    position: usize,
    history: &History,
    kept: Option<f64>,
) -> Result<Markup, Error> {
    let (mut figures, mut numbers) = (Vec::new(), Vec::new());
    for picture in &PICTURES {
        let id = format!("s{position}-{}", picture.name);
        match picture.lines(history) {
            lines if lines.is_empty() => {}
            // A line needs two points.
            lines if lines.iter().all(|(_, points)| points.len() == 1) => {
                let numbers_of = lines.iter().map(|(column, points)| (*column, points[0].1));
                numbers.extend(numbers_of);
            }
            lines => figures.push(picture.draw(history, &lines, stage, &id, kept)?),
        }
    }
    Ok(html! {
        h3 { (stage) }
        (warnings(history))
        (kept_in_words(history, kept))
        (tiles(&numbers))
        @if !figures.is_empty() {
            div class="figures" { (together(figures)) }
        }
        (epochs(stage, history))
    })
}

impl Picture {
    /// The columns that the history has, with their points.
    fn lines(&self, history: &History) -> Vec<(&'static str, Vec<(f64, f64)>)> {
        let epochs = history.column("epoch");
        let mut lines = Vec::new();
        for column in self.columns {
            let values = history.column(column);
            let points = epochs.iter().zip(values);
            let points: Vec<(f64, f64)> = points.filter_map(|(x, y)| Some(((*x)?, y?))).collect();
            if !points.is_empty() {
                lines.push((*column, points));
            }
        }
        lines
    }

    fn draw(
        &self,
        history: &History,
        lines: &[(&'static str, Vec<(f64, f64)>)],
        stage: &str,
        id: &str,
        kept: Option<f64>,
    ) -> Result<Markup, Error> {
        let all = || lines.iter().flat_map(|(_, points)| points);
        let (mut key, mut layers) = (Vec::new(), Vec::new());
        for ((column, points), ink) in lines.iter().zip(INKS) {
            key.push(KeyEntry {
                ink,
                text: format!("{}: {}", in_words(column), course(points)),
            });
            layers.push(match points.len() {
                1 => Layer::points(ink, points.clone()),
                _ => Layer::line(ink, points.clone()),
            });
        }
        let y = Axis::around(self.axis, all().map(|(_, y)| *y));
        if let Some(kept) = kept {
            let ends = vec![(kept, y.range.start), (kept, y.range.end)];
            layers.insert(0, Layer::line(Ink::Reference, ends));
            key.push(KeyEntry {
                ink: Ink::Reference,
                text: format!("best: {}", named(history, kept)),
            });
        }
        let words: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
        let chart = Chart {
            title: format!("{} of {stage}", self.title),
            description: format!("By {}. {}.", row_of(history), words.join("; ")),
            x: Axis::counting(row_of(history), all().map(|(x, _)| *x)),
            y,
            layers,
        };
        figure(&chart, id, &key)
    }
}

/// What a row of the history stands for: of a head that was solved, the number of a penalty.
fn row_of(history: &History) -> &'static str {
    match (is_solved(history), has(history, STANDARDISED)) {
        (true, true) => {
            "fit: penalties from strong to weak on standardised features, then on features as they are"
        }
        (true, false) => "penalty, from strong to weak",
        (false, _) => "epoch",
    }
}

/// The column of histories in which both scalings of features were tried.
const STANDARDISED: &str = "standardised";

fn has(history: &History, name: &str) -> bool {
    history.columns().iter().any(|column| column == name)
}

/// What the row of this number is called.
fn named(history: &History, row: f64) -> String {
    let mut rows = history.column("epoch").into_iter();
    let at = rows.position(|number| number == Some(row));
    let of = |column: &str| history.column(column).into_iter().nth(at?).flatten();
    match (of("penalty"), of(STANDARDISED)) {
        (Some(penalty), Some(1.0)) => format!("penalty {penalty} on standardised features"),
        (Some(penalty), Some(_)) => format!("penalty {penalty} on features as they are"),
        (Some(penalty), None) => format!("penalty {penalty}"),
        (None, _) => format!("epoch {row}"),
    }
}

/// Whether the head was solved for, once for each penalty.
fn is_solved(history: &History) -> bool {
    has(history, "penalty")
}

/// A column's name for people.
fn in_words(column: &str) -> String {
    let words = column.replace('_', " ");
    words.replace("kl", "KL").replace("auroc", "AUROC")
}

/// Which epoch's weights were kept.
fn kept_in_words(history: &History, kept: Option<f64>) -> Markup {
    html! {
        @if let Some(kept) = kept {
            p {
                "The weights are those of " (named(history, kept)) ", the best on validation of "
                (history.rows().count()) "."
            }
        }
    }
}

/// Columns with one value: a picture of one point would say less.
fn tiles(numbers: &[(&str, f64)]) -> Markup {
    html! {
        @if !numbers.is_empty() {
            ul class="tiles" {
                @for (column, value) in numbers {
                    li {
                        span class="name" { (in_words(column)) }
                        span class="value" { (course(&[(0.0, *value)])) }
                    }
                }
            }
        }
    }
}

/// The first value and the last.
fn course(points: &[(f64, f64)]) -> String {
    let are_counts = points.iter().all(|(_, value)| value.fract() == 0.0);
    let shown = |value: f64| match are_counts {
        true => value.to_string(),
        false => number::float(value),
    };
    match points {
        [] => String::new(),
        [(_, only)] => shown(*only),
        [(_, first), .., (_, last)] => format!("{} → {}", shown(*first), shown(*last)),
    }
}

fn warnings(history: &History) -> Markup {
    match history.column("collapse_warnings").last() {
        None | Some(None) => html! {},
        Some(Some(0.0)) => html! {
            p { "Posterior: " span class="good" { "no warning" } " of collapse." }
        },
        Some(Some(count)) => html! {
            p {
                "Posterior: " span class="notice" { (count) " warnings" }
                " of collapse; the run's log says which."
            }
        },
    }
}

/// The numbers behind the pictures.
fn epochs(stage: &str, history: &History) -> Markup {
    const TITLES: [(&str, &str); 13] = [
        ("epoch", "epoch"),
        ("penalty", "penalty"),
        ("standardised", "standardised"),
        ("train_loss", "train loss"),
        ("validation_loss", "validation loss"),
        ("train_reconstruction", "train reconstruction"),
        ("validation_reconstruction", "validation reconstruction"),
        ("validation_kl", "validation KL"),
        ("validation_summary", "validation summary"),
        ("validation_forecast", "validation forecast"),
        ("validation_auroc", "validation AUROC"),
        (
            "validation_average_precision",
            "validation average precision",
        ),
        ("posterior_active_units", "active units"),
    ];
    let columns = history.columns();
    let is_solved = is_solved(history);
    let known = TITLES
        .iter()
        .filter(|(column, _)| columns.iter().any(|name| name == column))
        .filter(|(column, _)| !(is_solved && *column == "epoch"));
    let known: Vec<&(&str, &str)> = known.collect();
    let titles: Vec<&'static str> = known.iter().map(|(_, title)| *title).collect();
    let rows = if is_solved { "Penalties" } else { "Epochs" };
    let mut table = Table::new(format!("{rows} of {stage}"), &titles, &titles);
    for row in history.rows() {
        let cell = |column: &str| {
            let value = row.iter().find(|(name, _)| name == column);
            let value = value.and_then(|(_, value)| *value);
            match (column, value) {
                (_, None) => html! { span class="muted" { "–" } },
                ("epoch" | "penalty" | "standardised" | "posterior_active_units", Some(value)) => {
                    text(value.to_string())
                }
                (_, Some(value)) => text(number::float(value)),
            }
        };
        table.push(known.iter().map(|(column, _)| cell(column)).collect());
    }
    table.render()
}
