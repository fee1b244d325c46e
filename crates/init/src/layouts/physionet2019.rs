//! The hourly files of the PhysioNet/CinC Challenge 2019.

use super::{Looking, clip, cohort, no_label};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::text::below_root;
use pipeline_error::Error;

const LABEL: &str = "SepsisLabel";

/// The challenge's columns but for its label.
const VARIABLES: usize = 40;

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let records = folder.tables.iter().filter(|table| {
        table.ending == "psv" && table.is_all_of_folder && table.has(&["HR", "ICULOS", LABEL])
    });
    let places: Vec<String> = records.map(|table| below_root(&table.folder)).collect();
    if places.is_empty() {
        return Ok(None);
    }
    if let Some(label) = looking.label.filter(|label| *label != LABEL) {
        return Err(no_label(label, &[LABEL.into()]));
    }
    let mut draft = Draft::new("physionet-2019");
    draft.is_labelled = true;
    draft.state(Place::Source, "records", format!("[{}]", places.join(", ")));
    draft.guess(
        Place::Source,
        "negatives",
        "\"matched\"",
        "negative stays are cut as positive ones are, else their length alone tells the label; \
         landmarks = { every_hours = 6, horizon_hours = 24 } makes many predictions a stay instead",
    );
    cohort::split_file_or_draw(folder, None, &mut draft);
    super::drop_empty_stays(&mut draft);
    clip(&mut draft);
    draft.saw_variables(VARIABLES);
    Ok(Some(draft))
}
