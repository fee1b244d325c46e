//! Everything that a data stage reads from disk.

use std::path::Path;

use super::{DataConfig, LabelTable, Source, SplitRule, StaysTable};
use crate::input_path::InputPath;
use crate::text_file;
use pipeline_files::FilePattern;

/// The setting that names a file or folder (`source.records.0`), and its place.
type NamedPath<'a> = (String, &'a mut InputPath);

impl DataConfig {
    /// Everything the stage reads from disk.
    pub fn paths(&mut self) -> Vec<NamedPath<'_>> {
        let mut paths = source_paths(&mut self.source);
        if let Some(attributes) = &mut self.attributes {
            paths.push(("attributes.path".into(), &mut attributes.path));
        }
        let targets = self.targets.iter_mut();
        paths
            .extend(targets.map(|(name, table)| (format!("targets.{name}.path"), &mut table.path)));
        match &mut self.split {
            SplitRule::File(path) => paths.push(("split.file".into(), path)),
            SplitRule::Lists(lists) => paths.extend([
                ("split.lists.train".into(), &mut lists.train),
                ("split.lists.validation".into(), &mut lists.validation),
                ("split.lists.test".into(), &mut lists.test),
            ]),
            _ => {}
        }
        if let Some(statistics) = &mut self.statistics {
            paths.push(("statistics.path".into(), &mut statistics.path));
        }
        paths.extend(
            self.embeddings
                .iter_mut()
                .flat_map(|embeddings| embeddings.paths()),
        );
        paths
    }

    /// What a path says beside the contents that lie there, and a result depends on: of a file its ending, or its name
    /// where that is the id of a stay; of a pattern that it is one, as it may fit files that are not read of a folder.
    pub fn said_by_path(&self, field: &str, path: &Path) -> Option<String> {
        if FilePattern::of(path).is_ok_and(|pattern| pattern.is_some()) {
            return Some("*".into());
        }
        if path.is_dir() {
            return None;
        }
        match self.source.has_stays_by_file() && is_of_rows(field) {
            true => Some(path.file_name()?.to_string_lossy().into_owned()),
            false => text_file::ending(path),
        }
    }
}

fn is_of_rows(field: &str) -> bool {
    field.starts_with("source.files.") || field.starts_with("source.records.")
}

fn source_paths(source: &mut Source) -> Vec<NamedPath<'_>> {
    match source {
        Source::Synthetic(_) => Vec::new(),
        Source::Physionet2012(source) => {
            let mut paths = listed("source.records", &mut source.records);
            paths.extend(listed("source.outcomes", &mut source.outcomes));
            paths
        }
        Source::Physionet2019(source) => listed("source.records", &mut source.records),
        Source::Meds(source) => {
            let mut paths: Vec<NamedPath> = vec![("source.path".into(), &mut source.path)];
            let labels = source.labels.as_mut();
            paths.extend(labels.map(|path| ("source.labels".into(), path)));
            let times = source.prediction_times.as_mut();
            paths.extend(times.map(|path| ("source.prediction_times".into(), path)));
            paths
        }
        Source::PatientParquet(source) => {
            let mut paths: Vec<NamedPath> = vec![("source.path".into(), &mut source.path)];
            paths.extend(tables(None, source.labels.as_mut()));
            paths
        }
        Source::Long(source) => {
            let mut paths = listed("source.files", &mut source.files);
            paths.extend(tables(source.stays.as_mut(), source.labels.as_mut()));
            paths
        }
        Source::Wide(source) => {
            let mut paths = listed("source.files", &mut source.files);
            paths.extend(tables(source.stays.as_mut(), source.labels.as_mut()));
            paths
        }
    }
}

fn listed<'a>(setting: &str, paths: &'a mut [InputPath]) -> Vec<NamedPath<'a>> {
    let named = paths.iter_mut().enumerate();
    named
        .map(|(index, path)| (format!("{setting}.{index}"), path))
        .collect()
}

fn tables<'a>(
    stays: Option<&'a mut StaysTable>,
    labels: Option<&'a mut LabelTable>,
) -> impl Iterator<Item = NamedPath<'a>> {
    let stays = stays.map(|table| ("source.stays.path".into(), &mut table.path));
    let labels = labels.map(|table| ("source.labels.path".into(), &mut table.path));
    stays.into_iter().chain(labels)
}
