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

pub fn of_stage(stage: &str, position: usize, history: &History) -> Result<Markup, Error> {
    let mut figures = Vec::new();
    for picture in &PICTURES {
        let id = format!("s{position}-{}", picture.name);
        figures.extend(picture.draw(history, stage, &id)?);
    }
    Ok(html! {
        h3 { (stage) }
        (warnings(history))
        div class="figures" { (together(figures)) }
        (epochs(stage, history))
    })
}

impl Picture {
    fn draw(&self, history: &History, stage: &str, id: &str) -> Result<Option<Markup>, Error> {
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
        if lines.is_empty() {
            return Ok(None);
        }
        let all = || lines.iter().flat_map(|(_, points)| points);
        let (mut key, mut layers) = (Vec::new(), Vec::new());
        for ((column, points), ink) in lines.iter().zip(INKS) {
            key.push(KeyEntry {
                ink,
                text: format!(
                    "{}: {}",
                    column
                        .replace('_', " ")
                        .replace("kl", "KL")
                        .replace("auroc", "AUROC"),
                    course(points)
                ),
            });
            layers.push(match points.len() {
                1 => Layer::points(ink, points.clone()),
                _ => Layer::line(ink, points.clone()),
            });
        }
        let words: Vec<&str> = key.iter().map(|entry| entry.text.as_str()).collect();
        let chart = Chart {
            title: format!("{} of {stage}", self.title),
            description: format!("By {}. {}.", row_of(history), words.join("; ")),
            x: Axis::counting(row_of(history), all().map(|(x, _)| *x)),
            y: Axis::around(self.axis, all().map(|(_, y)| *y)),
            layers,
        };
        figure(&chart, id, &key).map(Some)
    }
}

/// What a row of the history stands for: of a head that was solved, the number of a penalty.
fn row_of(history: &History) -> &'static str {
    match history.columns().iter().any(|column| column == "penalty") {
        true => "penalty, from strong to weak",
        false => "epoch",
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
    let is_solved = columns.iter().any(|column| column == "penalty");
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
                (_, None) => text("undefined"),
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
