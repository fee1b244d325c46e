//! What a schema cannot say of an import stage.

use crate::kind::StageCheck;
use pipeline_checkpoint::RenameRule;

impl StageCheck<'_> {
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
