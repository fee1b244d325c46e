//! A variant that somebody outside asks for.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::point::Assignment;
use super::{Point, SweepRecipe, SweepVariant, paths};
use crate::experiment::Experiment;
use crate::load::refused;
use crate::mistake::Mistake;
use crate::overrides;
use crate::resolved;
use crate::source::Origin;
use pipeline_error::Error;

impl<E: Experiment> SweepRecipe<E> {
    /// The variant with these values at these paths. The error is an [`Error::Recipe`] with all
    /// mistakes.
    pub fn asked(&mut self, values: &BTreeMap<String, Json>) -> Result<SweepVariant<E>, Error> {
        let mut mistakes = Vec::new();
        let mut assignments = Vec::with_capacity(values.len());
        for (path, value) in values {
            let text = format!("{path}={}", resolved::toml(value));
            let source = self.sources.add_asked(&text);
            if value.is_null() {
                let place = Origin::new(source, 0..text.len());
                let message = format!("`{path}` is set to null");
                mistakes.push(Mistake::new(message, place, "no value"));
                continue;
            }
            match overrides::read(source, &text, &self.sources, &mut mistakes) {
                Ok((keys, node)) => {
                    let first = keys.first();
                    mistakes
                        .extend(first.and_then(|(first, place)| paths::no_setting(first, *place)));
                    assignments.push(Assignment {
                        path: path.clone(),
                        keys,
                        node,
                        is_seed: false,
                    });
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let point = Point::new(assignments);
        match self.settle(&point, &mut mistakes) {
            Some((recipe, _)) if mistakes.is_empty() => Ok(SweepVariant { point, recipe }),
            _ => Err(refused(&self.path, mistakes, &self.sources)),
        }
    }
}
