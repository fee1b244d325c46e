//! What a schema cannot say of an import stage.

use super::ImportFrom;
use crate::kind::StageCheck;
use pipeline_checkpoint::{RenameRule, in_place_of_folder};
use pipeline_error::Code;

impl StageCheck<'_> {
    /// Weights are in a file. A stage's artifact is looked at when the stage runs.
    pub(super) fn file(&mut self, from: &ImportFrom) {
        let ImportFrom::File(file) = from else { return };
        let path = file.path.as_ref();
        if file.path.artifact().is_none() && path.is_dir() {
            let problem = format!("cannot be read: {}: is a folder", path.display());
            let mistake = self
                .mistake(&["from", "path"], &problem, "this path")
                .code(Code::UnreadableInput)
                .help(in_place_of_folder(path));
            self.mistakes.push(mistake);
        }
    }

    pub(super) fn rename(&mut self, rules: &[RenameRule]) {
        for (index, rule) in rules.iter().enumerate() {
            if let Err((field, reason)) = rule.compile() {
                let index = index.to_string();
                let mistake = self
                    .mistake(&["rename", &index, field], &reason, "this rule")
                    .help("{ prefix = \"old.\", to = \"new.\" }, or { pattern = 'h\\.(\\d+)\\.(.*)', to = \"layers.$1.$2\" }");
                self.mistakes.push(mistake);
            }
        }
    }
}
