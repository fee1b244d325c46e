//! Which stage needs which: every name leads to a stage of a kind that fits, and not in a ring.

use std::collections::BTreeMap;

use super::mistake::Mistake;
use super::stage_config::{ImportStage, StageConfig};
use super::suggest::{either, nearest};
use super::tree::Node;
use crate::graph;
use crate::model::config::ModelMode;

/// Notes every wrong reference. `stages` are those that could be read; the others are still
/// in the tree, so that a reference to one of them is none to a missing stage.
pub fn check(tree: &Node, stages: &[(String, StageConfig)], mistakes: &mut Vec<Mistake>) {
    let check = References {
        tree,
        kinds: kinds(tree),
        stages: stages
            .iter()
            .map(|(name, stage)| (name.as_str(), stage))
            .collect(),
    };
    for (name, stage) in stages {
        for (field, target, fitting) in stage.references() {
            mistakes.extend(check.reference(name, field, target, fitting));
        }
        mistakes.extend(check.purpose(name, stage));
    }
    mistakes.extend(check.rings(stages));
}

struct References<'a> {
    tree: &'a Node,
    /// Kinds as they are written; empty where that is no string.
    kinds: BTreeMap<&'a str, &'a str>,
    stages: BTreeMap<&'a str, &'a StageConfig>,
}

fn kinds(tree: &Node) -> BTreeMap<&str, &str> {
    let stages = tree.child("stages").and_then(Node::as_table);
    stages
        .into_iter()
        .flat_map(|table| table.iter())
        .map(|entry| {
            let kind = entry.node.child("kind").and_then(Node::as_str);
            (entry.key.as_str(), kind.unwrap_or_default())
        })
        .collect()
}

impl References<'_> {
    fn place(&self, stage: &str, field: &str) -> super::source::Origin {
        self.tree.place(&["stages", stage, field])
    }

    fn reference(
        &self,
        stage: &str,
        field: &str,
        target: &str,
        fitting: &[&str],
    ) -> Option<Mistake> {
        let fits = |kind: &str| fitting.contains(&kind);
        let candidates = || -> Vec<&str> {
            let others = self.kinds.iter().filter(|(name, _)| **name != stage);
            let fitting = others.filter(|(_, kind)| fits(kind));
            fitting.map(|(name, _)| *name).collect()
        };
        let help = |mistake: Mistake| match candidates().as_slice() {
            [] => mistake.help(format!(
                "the recipe has no stage of kind {}",
                either(fitting)
            )),
            [only] => mistake.help(format!("`{only}` would fit")),
            several => mistake.help(format!("stages that would fit: {}", several.join(", "))),
        };
        let Some(kind) = self.kinds.get(target) else {
            let mistake = Mistake::new(
                format!("stages.{stage}.{field} names `{target}`, and there is no such stage"),
                self.place(stage, field),
                "no stage of this name",
            );
            let near = nearest(target, candidates().into_iter())
                .or_else(|| nearest(target, self.kinds.keys().copied()));
            return Some(match near {
                Some(near) => mistake.help(format!("did you mean `{near}`?")),
                None if field == "from" && target.contains(['.', '/']) => {
                    mistake.help(format!("a file is written {{ path = \"{target}\" }}"))
                }
                None => help(mistake),
            });
        };
        if kind.is_empty() || fits(kind) {
            return None;
        }
        Some(help(
            Mistake::new(
                format!(
                    "stages.{stage}.{field} must name a stage of kind {}, and `{target}` is of kind `{kind}`",
                    either(fitting)
                ),
                self.place(stage, field),
                format!("of kind `{kind}`"),
            )
            .and(self.place(target, "kind"), "its kind is stated here"),
        ))
    }

    fn import(&self, name: &str) -> Option<&ImportStage> {
        match self.stages.get(name)? {
            StageConfig::Import(import) => Some(import),
            _ => None,
        }
    }

    /// Weights are imported into a pretraining model or a classifier: who uses them must want that.
    fn purpose(&self, name: &str, stage: &StageConfig) -> Option<Mistake> {
        let (field, target, wanted, use_) = match stage {
            StageConfig::Pretrain(stage) => (
                "init",
                stage.init.as_deref()?,
                ModelMode::Pretrain,
                "pretraining goes on from an import with `into = \"pretrain\"`",
            ),
            StageConfig::Freeze(stage) => (
                "model",
                stage.model.as_str(),
                ModelMode::Classifier,
                "a classifier is frozen, so its import needs `into = \"classifier\"`",
            ),
            StageConfig::Evaluate(stage) => (
                "model",
                stage.model.as_str(),
                ModelMode::Classifier,
                "a classifier is evaluated, so its import needs `into = \"classifier\"`",
            ),
            _ => return None,
        };
        let import = self.import(target)?;
        if import.into != wanted {
            let into = match import.into {
                ModelMode::Pretrain => "pretrain",
                ModelMode::Classifier => "classifier",
            };
            return Some(
                Mistake::new(
                    format!("stages.{name}.{field} names `{target}`, which imports into `{into}`"),
                    self.place(name, field),
                    format!("imports into `{into}`"),
                )
                .and(self.place(target, "into"), "stated here")
                .help(use_),
            );
        }
        if matches!(stage, StageConfig::Evaluate(_)) && !import.new.is_empty() {
            return Some(
                Mistake::new(
                    format!(
                        "stages.{name}.{field} names `{target}`, some of whose parameters are new"
                    ),
                    self.place(name, field),
                    "has never been trained",
                )
                .and(self.place(target, "new"), "these parameters are new")
                .help("evaluate the finetune stage that trains them"),
            );
        }
        None
    }

    fn rings(&self, stages: &[(String, StageConfig)]) -> Vec<Mistake> {
        let nodes: Vec<(String, Vec<String>)> = stages
            .iter()
            .map(|(name, stage)| {
                let targets = stage.references().into_iter();
                (
                    name.clone(),
                    targets.map(|(_, target, _)| target.to_string()).collect(),
                )
            })
            .collect();
        graph::cycles(&nodes)
            .into_iter()
            .filter_map(|ring| self.ring(&ring))
            .collect()
    }

    fn ring(&self, ring: &[String]) -> Option<Mistake> {
        let message = format!("stages that need each other: {}", ring.join(" → "));
        let mut mistake: Option<Mistake> = None;
        for pair in ring.windows(2) {
            let [from, to] = pair else { continue };
            let references = self.stages.get(from.as_str())?.references();
            let (field, ..) = references.into_iter().find(|(_, target, _)| target == to)?;
            let place = self.place(from, field);
            let label = format!("`{from}` needs `{to}`");
            mistake = Some(match mistake {
                None => Mistake::new(&message, place, label),
                Some(mistake) => mistake.and(place, label),
            });
        }
        mistake.map(|mistake| mistake.help("one of them has to start from something else"))
    }
}
