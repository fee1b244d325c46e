//! Which stage needs which: every name leads to a stage of a kind that fits, and not in a ring.

use std::collections::{BTreeMap, BTreeSet};

use crate::edges::{Reference, Wants};
use crate::kind::{Imported, ModelUse, StageKind};
use pipeline_error::Code;
use pipeline_graph as graph;
use pipeline_model::config::ModelMode;
use pipeline_recipe::source::Origin;
use pipeline_recipe::tree::Node;
use pipeline_recipe::{Mistake, either, nearest};

/// Notes every wrong reference. `stages` are those that could be read; the others are still
/// in the tree, so that a reference to one of them is none to a missing stage.
pub fn check(tree: &Node, stages: &[(&str, &dyn StageKind)], mistakes: &mut Vec<Mistake>) {
    let check = References {
        tree,
        kinds: kinds(tree),
        stages: stages.iter().copied().collect(),
    };
    for (name, stage) in stages {
        for reference in stage.references() {
            mistakes.extend(check.reference(name, &reference));
        }
        let uses = stage.model_uses();
        mistakes.extend(
            uses.iter()
                .filter_map(|model_use| check.purpose(name, model_use)),
        );
    }
    mistakes.extend(check.rings(stages));
}

struct References<'a> {
    tree: &'a Node,
    /// Kinds as they are written; empty where that is no string.
    kinds: BTreeMap<&'a str, &'a str>,
    stages: BTreeMap<&'a str, &'a dyn StageKind>,
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
    /// Where a dotted field of a stage stands.
    fn place(&self, stage: &str, field: &str) -> Origin {
        let path: Vec<&str> = ["stages", stage]
            .into_iter()
            .chain(field.split('.'))
            .collect();
        self.tree.place(&path)
    }

    fn reference(&self, stage: &str, reference: &Reference) -> Option<Mistake> {
        let Some(kind) = self.kinds.get(reference.stage.as_str()) else {
            return Some(self.unknown_stage(stage, reference));
        };
        match &reference.wants {
            Wants::Kind(fitting) => (!kind.is_empty() && !fitting.contains(kind))
                .then(|| self.wrong_kind(stage, reference, kind, fitting)),
            Wants::Artifact(name) => self.missing_artifact(stage, reference, name),
        }
    }

    /// Stages that would fit, in words.
    fn candidates(&self, stage: &str, wants: &Wants) -> Vec<&str> {
        let fits = |name: &str, kind: &str| match wants {
            Wants::Kind(fitting) => fitting.contains(&kind),
            Wants::Artifact(artifact) => self
                .stages
                .get(name)
                .is_some_and(|stage| stage.artifacts().iter().any(|(name, _)| name == artifact)),
        };
        let kinds = self.kinds.iter();
        kinds
            .filter(|(name, kind)| fits(name, kind) && !self.needs(name, stage))
            .map(|(name, _)| *name)
            .collect()
    }

    /// Whether a stage is another, or reads it, itself or through further stages.
    fn needs(&self, stage: &str, other: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut left = vec![stage.to_string()];
        while let Some(name) = left.pop() {
            if name == other {
                return true;
            }
            if let Some(stage) = self.stages.get(name.as_str())
                && seen.insert(name)
            {
                let references = stage.references().into_iter();
                left.extend(references.map(|reference| reference.stage));
            }
        }
        false
    }

    fn fitting(&self, mistake: Mistake, stage: &str, wants: &Wants) -> Mistake {
        match (self.candidates(stage, wants).as_slice(), wants) {
            ([], Wants::Kind(kinds)) => mistake.help(format!(
                "the recipe has no other stage of kind {}",
                either(kinds)
            )),
            ([], Wants::Artifact(_)) => mistake,
            ([only], _) => mistake.help(format!("`{only}` would fit")),
            (several, _) => mistake.help(format!("stages that would fit: {}", several.join(", "))),
        }
    }

    fn unknown_stage(&self, stage: &str, reference: &Reference) -> Mistake {
        let Reference {
            field,
            stage: target,
            wants,
        } = reference;
        let mistake = Mistake::new(
            format!("stages.{stage}.{field} names `{target}`, and there is no such stage"),
            self.place(stage, field),
            "no stage of this name",
        )
        .code(Code::UnknownStage);
        let candidates = self.candidates(stage, wants);
        let near = nearest(target, candidates.iter().copied())
            .or_else(|| nearest(target, self.kinds.keys().copied()));
        match near {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None if field == "from" && target.contains(['.', '/']) => {
                mistake.help(format!("a file is written {{ path = \"{target}\" }}"))
            }
            None => self.fitting(mistake, stage, wants),
        }
    }

    fn wrong_kind(
        &self,
        stage: &str,
        reference: &Reference,
        kind: &str,
        fitting: &[&str],
    ) -> Mistake {
        let Reference {
            field,
            stage: target,
            wants,
        } = reference;
        let mistake = Mistake::new(
            format!(
                "stages.{stage}.{field} must name a stage of kind {}, and `{target}` is of kind `{kind}`",
                either(fitting)
            ),
            self.place(stage, field),
            format!("of kind `{kind}`"),
        )
        .and(self.place(target, "kind"), "its kind is stated here")
        .code(Code::WrongStageKind);
        self.fitting(mistake, stage, wants)
    }

    /// A stage that could not be read may have any artifact.
    fn missing_artifact(&self, stage: &str, reference: &Reference, name: &str) -> Option<Mistake> {
        let target = self.stages.get(reference.stage.as_str())?;
        let names: Vec<&str> = target.artifacts().iter().map(|(name, _)| *name).collect();
        if names.contains(&name) {
            return None;
        }
        let field = reference.field.replace(".stage", ".artifact");
        let mistake = Mistake::new(
            format!(
                "stages.{stage}.{field} is `{name}`, and `{}` makes no such artifact",
                reference.stage
            ),
            self.place(stage, &field),
            "no artifact of this name",
        );
        Some(match nearest(name, names.iter().copied()) {
            Some(near) => mistake.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => mistake.help("it declares no `outputs`"),
            None => mistake.help(format!("its artifacts are {}", names.join(", "))),
        })
    }

    /// Weights are imported into a pretraining model or a classifier: who uses them must want that.
    fn purpose(&self, name: &str, model_use: &ModelUse) -> Option<Mistake> {
        let ModelUse {
            field,
            stage: target,
            mode,
            reason,
            needs_all,
        } = model_use;
        let Imported { into, has_new } = self.stages.get(target)?.imported()?;
        if into != *mode {
            let into = match into {
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
                .help(*reason),
            );
        }
        if *needs_all && has_new {
            return Some(
                Mistake::new(
                    format!(
                        "stages.{name}.{field} names `{target}`, some of whose parameters are new"
                    ),
                    self.place(name, field),
                    "has never been trained",
                )
                .and(self.place(target, "new"), "these parameters are new")
                .help("name the finetune stage that trains them"),
            );
        }
        None
    }

    fn rings(&self, stages: &[(&str, &dyn StageKind)]) -> Vec<Mistake> {
        let nodes: Vec<(String, Vec<String>)> = stages
            .iter()
            .map(|(name, stage)| {
                let references = stage.references().into_iter();
                (
                    (*name).to_string(),
                    references.map(|reference| reference.stage).collect(),
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
            let reference = references.into_iter().find(|one| one.stage == *to)?;
            let place = self.place(from, &reference.field);
            let label = format!("`{from}` needs `{to}`");
            mistake = Some(match mistake {
                None => Mistake::new(&message, place, label).code(Code::StageCycle),
                Some(mistake) => mistake.and(place, label),
            });
        }
        mistake.map(|mistake| mistake.help("one of them has to start from something else"))
    }
}
