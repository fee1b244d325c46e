//! One Parquet file a stay, in one folder a split: the PyTorch reference's layout.

use std::collections::BTreeSet;

use super::cohort::EventStays;
use super::{Looking, clip, cohort, drop_incomplete_stays};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::split_of_folder;
use crate::table::Table;
use crate::text::below_root;
use pipeline_error::Error;
use pipeline_error::pasted::toml_string;

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let mut parts: [Option<&Table>; 3] = [None; 3];
    for table in &folder.tables {
        let is_stay = table.ending == "parquet" && table.has(&["variable", "value", "minute"]);
        let name = table.folder.rsplit('/').next().unwrap_or_default();
        if let (true, Some(split)) = (is_stay, split_of_folder(name)) {
            parts[split].get_or_insert(table);
        }
    }
    let [Some(train), Some(validation), Some(test)] = parts else {
        return Ok(None);
    };
    let parts = [train, validation, test];
    let variables = parts.into_iter();
    let variables =
        variables.flat_map(|table| table.position("variable").map(|at| table.cells(at)));
    let variables = variables.flatten().collect::<BTreeSet<_>>().len();
    let mut draft = Draft::new("patient-parquet");
    let parent = |table: &Table| {
        let folder = table.folder.rsplit_once('/');
        folder.map_or((String::new(), table.folder.clone()), |(above, name)| {
            (above.to_string(), name.to_string())
        })
    };
    let ((place, train), (_, validation), (_, test)) =
        (parent(train), parent(validation), parent(test));
    draft.state(Place::Source, "path", below_root(&place));
    draft.state(
        Place::Events,
        "split",
        format!(
            "{{ folders = {{ train = {}, validation = {}, test = {} }} }}",
            toml_string(&train),
            toml_string(&validation),
            toml_string(&test)
        ),
    );
    let outside = |table: &&Table| !table.folder.starts_with(&place) || place.is_empty();
    let beside: Vec<&Table> = (folder.tables.iter())
        .filter(outside)
        .filter(|table| split_of_folder(table.folder.rsplit('/').next().unwrap_or("")).is_none())
        .collect();
    let stays = EventStays::of(folder, &parts, None);
    let label = cohort::label(&beside, &stays, looking)?;
    draft.is_labelled = label.is_some();
    cohort::outcomes::note(&stays, &mut draft);
    if let Some(label) = label {
        label.write(&mut draft);
        drop_incomplete_stays(&mut draft);
    } else {
        super::drop_empty_stays(&mut draft);
    }
    statistics_and_embeddings(&beside, &mut draft);
    draft.saw_variables(variables);
    clip(&mut draft);
    Ok(Some(draft))
}

/// Files of the reference that say what the values and the variables are.
fn statistics_and_embeddings(tables: &[&Table], draft: &mut Draft) {
    let statistics = tables
        .iter()
        .find(|table| table.has(&["variable", "mean", "std"]));
    if let Some(table) = statistics {
        let path = below_root(table.place());
        let why = "left out, they are computed on the training split";
        draft.guess(
            Place::Events,
            "statistics",
            format!("{{ path = {path} }}"),
            why,
        );
    }
    let embeddings = tables
        .iter()
        .find(|table| table.columns.first().is_some_and(|name| name == "Key"));
    if let Some(table) = embeddings {
        let path = below_root(table.place());
        draft.embeds(table.columns.len() - 1);
        let why = "left out, every variable gets a vector orthogonal to the others, of model.input_dim numbers";
        draft.guess(
            Place::Events,
            "embeddings",
            format!("{{ table = {path} }}"),
            why,
        );
    }
}
