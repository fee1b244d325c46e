use std::collections::BTreeSet;
use std::fmt::Debug;

use serde_json::Value as Json;

use super::mistake::Mistake;
use super::sweep_config::SweepObjective;
use super::tree::Node;

/// What recipes are about: the types that their tables are read into, and the rules that join several values.
/// The language knows none of them.
pub trait Experiment: Clone + Debug + Sized {
    /// What messages call such a document.
    const DOCUMENT: &'static str = "recipe";

    /// The JSON schema of a whole recipe whose references are replaced.
    fn schema() -> &'static Json;

    /// Puts in the defaults that depend on other values.
    fn complete(tree: &mut Node);

    /// Reads what is sound (`broken` are the dotted tables that are not), and notes every mistake that the
    /// schema cannot see. `None`: so little is sound that there is nothing to go on with.
    fn read(tree: &Node, broken: &BTreeSet<String>, mistakes: &mut Vec<Mistake>) -> Option<Self>;

    /// What is wrong with a table `[remote]` that its schema cannot see.
    fn remote_mistakes(_remote: &Node) -> Vec<Mistake> {
        Vec::new()
    }

    /// Its tables with all defaults, each under the keys that lead to it.
    fn tables(&self) -> Vec<(Vec<String>, Json)>;

    /// What is wrong with what a sweep's variants are compared by.
    fn objective_mistake(&self, compared: &Compared) -> Option<Mistake>;
}

/// What a sweep's variants are compared by, and where that stands.
pub struct Compared<'a> {
    /// The objective.
    pub objective: &'a SweepObjective,
    /// The table `[sweep]`.
    pub sweep: &'a Node,
    /// The recipe beside it.
    pub base: &'a Node,
}
