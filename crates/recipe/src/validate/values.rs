//! Numbers, strings, paths and arrays: what they may be.

use std::path::Path;
use std::sync::Arc;

use super::{Validator, traced};
use crate::mistake::Mistake;
use crate::shape::{Shape, matches};
use crate::source::Origin;
use crate::suggest::{either, nearest};
use crate::tree::{Node, Value};
use pipeline_error::Code;
use pipeline_files::FilePattern;

/// The format of a string that is a path to a file or folder.
const PATH: &str = "path";
/// The same of one that may be a pattern, too.
const PATH_OR_PATTERN: &str = "path-or-pattern";

impl<'s> Validator<'_, 's> {
    pub(super) fn one_of(&mut self, node: &Node, names: &[&str]) {
        let text = node.as_str().unwrap_or_default();
        if names.contains(&text) {
            return;
        }
        let mistake = Mistake::new(
            format!("{} cannot be `{text}`", self.name()),
            node.origin,
            if names.len() == 1 {
                format!("must be {}", either(names))
            } else {
                format!("must be one of {}", either(names))
            },
        )
        .code(Code::InvalidValue);
        let mistake = match nearest(text, names.iter().copied()) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None => mistake,
        };
        self.report(traced(mistake, node.taken_from));
    }

    pub(super) fn array(&mut self, items: &mut [Node], origin: Origin, shape: Shape<'s>) {
        let count = items.len();
        let least = shape.number("minItems").unwrap_or(0.0);
        let most = shape.number("maxItems").unwrap_or(f64::INFINITY);
        if (count as f64) < least || (count as f64) > most {
            let wanted = if least == most {
                format!("{least}")
            } else if (count as f64) < least {
                format!("at least {least}")
            } else {
                format!("at most {most}")
            };
            let mistake = Mistake::new(
                format!("{} must have {wanted} items, not {count}", self.name()),
                origin,
                format!("{count} items"),
            )
            .code(Code::InvalidValue);
            self.report(mistake);
        }
        for (index, item) in items.iter_mut().enumerate() {
            if let Some(inner) = shape.item(index) {
                self.at(&index.to_string(), item, inner);
            }
        }
    }

    pub(super) fn range(
        &mut self,
        number: f64,
        origin: Origin,
        taken_from: Option<Origin>,
        shape: Shape,
    ) {
        let least = shape.number("minimum");
        let most = shape.number("maximum");
        let above = shape.number("exclusiveMinimum");
        let problem = if !number.is_finite() {
            Some("must be finite".to_string())
        } else if least == most && least.is_some_and(|least| number != least) {
            least.map(|least| format!("must be {least}"))
        } else if let Some(least) = least.filter(|least| number < *least) {
            Some(format!("must be at least {least}"))
        } else if let Some(most) = most.filter(|most| number > *most) {
            Some(format!("must be at most {most}"))
        } else {
            above
                .filter(|above| number <= *above)
                .map(|above| format!("must be greater than {above}"))
        };
        if let Some(problem) = problem {
            let mistake = Mistake::new(
                format!("{} {problem}, not {number}", self.name()),
                origin,
                problem,
            )
            .code(Code::InvalidValue);
            self.report(traced(mistake, taken_from));
        }
    }

    pub(super) fn string(&mut self, node: &mut Node, shape: Shape) {
        let Value::String(text, _) = &mut node.value else {
            return;
        };
        if text.is_empty() && shape.number("minLength").is_some() {
            let mistake = Mistake::new(format!("{} is empty", self.name()), node.origin, "empty")
                .code(Code::InvalidValue);
            return self.report(traced(mistake, node.taken_from));
        }
        let pattern = shape
            .keyword("pattern")
            .and_then(|pattern| pattern.as_str());
        if let Some(pattern) = pattern
            && matches(pattern, text) == Some(false)
        {
            let mistake = Mistake::new(
                format!("{} must match {pattern}", self.name()),
                node.origin,
                "does not match",
            )
            .code(Code::InvalidValue);
            let about = shape.keyword("description").and_then(|text| text.as_str());
            let mistake = match about {
                Some(text) => mistake.help(text),
                None => mistake,
            };
            self.report(traced(mistake, node.taken_from));
        }
        let format = shape.keyword("format").and_then(|format| format.as_str());
        if let Some(format @ (PATH | PATH_OR_PATTERN)) = format {
            self.path(node, format == PATH_OR_PATTERN);
        }
    }

    /// A path is there and, made absolute by the folder of the file that states it, is UTF-8. A
    /// pattern fits a file.
    fn path(&mut self, node: &mut Node, may_be_pattern: bool) {
        let Value::String(text, folder) = &mut node.value else {
            return;
        };
        let path = folder.join(text.as_str());
        let problem = match (meant(&path, may_be_pattern), path.to_str()) {
            (Err(problem), _) => problem,
            (_, None) => "the name of its folder is no UTF-8".into(),
            (Ok(()), Some(whole)) => {
                *text = whole.into();
                self.verdict.paths.insert(self.path.join("."));
                // From now on it is as it is.
                *folder = Arc::from(Path::new(""));
                return;
            }
        };
        let shown = path.display();
        let mistake = Mistake::new(
            format!("{} cannot be read: {shown}: {problem}", self.name()),
            node.origin,
            "this path",
        )
        .code(Code::UnreadableInput)
        .help("paths are relative to the file that states them");
        self.report(traced(mistake, node.taken_from));
    }
}

/// Fails, in words, if a path means no file or folder.
fn meant(path: &Path, may_be_pattern: bool) -> Result<(), String> {
    let pattern = match may_be_pattern {
        true => FilePattern::of(path)?,
        false => None,
    };
    let Some(pattern) = pattern else {
        return path.metadata().map(drop).map_err(|error| error.to_string());
    };
    let found = pattern.files();
    let found =
        found.map_err(|failure| format!("{}: {}", failure.path.display(), failure.error))?;
    match found.files.is_empty() {
        true => Err("this pattern fits no file".into()),
        false => Ok(()),
    }
}
