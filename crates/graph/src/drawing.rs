//! What every format draws: nodes in topological order and labelled edges.

use std::collections::BTreeMap;

use super::dag::{Dag, GraphError};

/// A node as it is given to [`Drawing::new`].
#[derive(Clone, Debug)]
pub struct Given {
    /// How it is drawn.
    pub node: DrawnNode,
    /// What it reads: the role that plays here and the name of the node that makes it.
    pub inputs: Vec<(String, String)>,
}

/// A node of a drawing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnNode {
    /// Its name, unique in the drawing.
    pub name: String,
    /// What kind of stage it is.
    pub kind: String,
    /// Whether it stands in no recipe but follows from a stage that does.
    pub derived: bool,
    /// How it stands, where that is known.
    pub mark: Option<Mark>,
}

impl DrawnNode {
    /// What stands below its name.
    pub(super) fn subtitle(&self) -> String {
        match &self.mark {
            None => self.kind.clone(),
            Some(mark) => format!("{} · {}", self.kind, mark.text),
        }
    }
}

/// How a node of a drawing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// A class for style sheets.
    pub class: &'static str,
    /// In words, short.
    pub text: String,
}

/// An edge of a drawing, from what is read to what reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawnEdge {
    /// Position of the node that is read.
    pub from: usize,
    /// Position of the node that reads.
    pub to: usize,
    /// The role it plays there; several are separated by commas.
    pub role: String,
}

/// A graph to draw.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// What it is a drawing of.
    pub title: String,
    /// The nodes, each after all it reads.
    pub nodes: Vec<DrawnNode>,
    /// The edges, by the node that reads, then in the order in which its inputs were given. No
    /// two of them join the same nodes.
    pub edges: Vec<DrawnEdge>,
}

impl Drawing {
    /// Puts nodes in order.
    pub fn new(title: &str, given: Vec<Given>) -> Result<Self, GraphError> {
        let needs = given.iter().map(|given| {
            let inputs = given.inputs.iter().map(|(_, from)| from.clone());
            (given.node.name.clone(), inputs.collect())
        });
        let dag = Dag::new(needs.collect())?;
        let order = dag.order();
        let positions: BTreeMap<&str, usize> = order.iter().copied().zip(0..).collect();
        let mut given: Vec<(usize, Given)> = given
            .into_iter()
            .map(|given| (positions[given.node.name.as_str()], given))
            .collect();
        given.sort_by_key(|(position, _)| *position);
        let mut drawing = Drawing {
            title: title.into(),
            nodes: Vec::with_capacity(given.len()),
            edges: Vec::new(),
        };
        for (to, Given { node, inputs }) in given {
            let first = drawing.edges.len();
            for (role, from) in inputs {
                let from = positions[from.as_str()];
                match drawing.edges[first..].iter_mut().find(|e| e.from == from) {
                    Some(edge) => edge.role += &format!(", {role}"),
                    None => drawing.edges.push(DrawnEdge { from, to, role }),
                }
            }
            drawing.nodes.push(node);
        }
        Ok(drawing)
    }

    /// For every node, the positions in `edges` of those that leave it.
    pub(super) fn outgoing(&self) -> Vec<Vec<usize>> {
        let mut outgoing = vec![Vec::new(); self.nodes.len()];
        for (index, edge) in self.edges.iter().enumerate() {
            outgoing[edge.from].push(index);
        }
        outgoing
    }

    /// For every node, the number of edges of the longest path that leads to it.
    pub(super) fn ranks(&self) -> Vec<usize> {
        let mut ranks = vec![0; self.nodes.len()];
        for edge in &self.edges {
            ranks[edge.to] = ranks[edge.to].max(ranks[edge.from] + 1);
        }
        ranks
    }
}

/// `a` is read by `b` and `c:derived`, which `d` reads both; `d` also reads `a`.
#[cfg(test)]
pub(super) fn diamond() -> Drawing {
    let given = |name: &str, kind: &str, inputs: &[(&str, &str)]| Given {
        node: DrawnNode {
            name: name.into(),
            kind: kind.into(),
            derived: name.contains(':'),
            mark: None,
        },
        inputs: inputs
            .iter()
            .map(|(role, from)| (role.to_string(), from.to_string()))
            .collect(),
    };
    let nodes = vec![
        given(
            "d",
            "evaluate",
            &[("model", "b"), ("features", "c:derived"), ("data", "a")],
        ),
        given("a", "data", &[]),
        given("b", "pretrain", &[("data", "a"), ("init", "a")]),
        given("c:derived", "features", &[("data", "a")]),
    ];
    Drawing::new("demo", nodes).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_come_after_what_they_read_and_edges_between_the_same_two_are_one() {
        let drawing = diamond();
        let names: Vec<&str> = drawing.nodes.iter().map(|n| n.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c:derived", "d"]);
        let edges = drawing.edges.iter();
        let edges: Vec<_> = edges.map(|e| (e.from, e.to, e.role.as_str())).collect();
        assert_eq!(
            edges,
            [
                (0, 1, "data, init"),
                (0, 2, "data"),
                (1, 3, "model"),
                (2, 3, "features"),
                (0, 3, "data")
            ]
        );
    }

    #[test]
    fn a_rank_is_the_length_of_the_longest_path() {
        assert_eq!(diamond().ranks(), [0, 1, 1, 2]);
    }
}
