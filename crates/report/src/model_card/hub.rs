//! A model card with the front matter that the Hugging Face hub reads
//! (<https://huggingface.co/docs/hub/model-cards>).

use serde_json::{Value, json};

use super::model_card;
use crate::gathered::Gathered;

/// Metrics that the hub shows beside a model.
const METRICS: [&str; 3] = ["auroc", "average_precision", "brier"];

/// The card of a bundle: front matter, how to predict with it, and the model card.
pub fn hub_card(gathered: &Gathered, license: Option<&str>) -> String {
    let license = text(license.unwrap_or("unknown"));
    let name = text(&gathered.recipe);
    let mut card = format!(
        "---\nlicense: {license}\nlibrary_name: pipeline\npipeline_tag: tabular-classification\n\
         tags:\n- clinical-time-series\n- seqsetvae\nmodel-index:\n- name: {name}\n  results:"
    );
    let results = results(gathered);
    card += match results.is_empty() {
        true => " []\n",
        false => "\n",
    };
    card += &results;
    card += "---\n\n\
         Predict with `pipeline predict DIR --source source.toml --output predictions.parquet`; `pipeline inspect DIR` \
         says what the inputs are.\n\n";
    card + &model_card(gathered)
}

/// One entry of `model-index` for each evaluation.
fn results(gathered: &Gathered) -> String {
    let mut lines = String::new();
    for (_, stage, result) in gathered.results() {
        if stage.kind != "evaluate" {
            continue;
        }
        let name = text(&stage.name);
        let metrics = METRICS.iter().filter_map(|metric| {
            let value = result
                .action
                .metrics
                .get(*metric)
                .filter(|value| value.is_number())?;
            Some(format!("    - type: {metric}\n      value: {value}\n"))
        });
        let metrics: String = metrics.collect();
        if !metrics.is_empty() {
            lines += &format!(
                "  - task:\n      type: tabular-classification\n    dataset:\n      name: {name}\n      type: {name}\n    metrics:\n{metrics}"
            );
        }
    }
    lines
}

/// A text as YAML takes it: JSON's strings are YAML's.
fn text(text: &str) -> Value {
    json!(text)
}
