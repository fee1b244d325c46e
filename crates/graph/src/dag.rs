//! A directed acyclic graph over names.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use petgraph::Direction;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use thiserror::Error;

/// Why names and their dependencies are no graph that can be put in order.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GraphError {
    /// A name was given twice.
    #[error("two nodes are called {name}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A node depends on a name that is not there.
    #[error("{node} needs {dependency}, which does not exist")]
    UnknownDependency {
        /// Who depends.
        node: String,
        /// On what.
        dependency: String,
    },
    /// A name was asked for that is not there.
    #[error("there is no {name}")]
    UnknownNode {
        /// The name.
        name: String,
    },
    /// Nodes depend on each other in a ring.
    #[error("a cycle: {}", .path.join(" → "))]
    Cycle {
        /// The ring, each needing the next; the first name is repeated at the end.
        path: Vec<String>,
    },
}

/// Names and what they depend on, without cycles.
#[derive(Clone, Debug)]
pub struct Dag {
    /// Edges run from a node to what it depends on.
    graph: DiGraph<String, ()>,
    indices: BTreeMap<String, NodeIndex>,
    order: Vec<NodeIndex>,
}

impl Dag {
    /// Builds the graph of `(name, names it depends on)`.
    pub fn new(nodes: Vec<(String, Vec<String>)>) -> Result<Self, GraphError> {
        let (graph, indices) = build(&nodes)?;
        if let Some(path) = rings(&graph).into_iter().next() {
            return Err(GraphError::Cycle { path });
        }
        let order = topological(&graph);
        Ok(Self {
            graph,
            indices,
            order,
        })
    }

    /// All names, each after everything it depends on. Among those that could come next, the
    /// one that was given first does: the order is a function of the nodes given, nothing else.
    pub fn order(&self) -> Vec<&str> {
        self.names(self.order.iter().copied())
    }

    /// What a node depends on directly, in the order in which that was given.
    pub fn dependencies_of(&self, name: &str) -> Result<Vec<&str>, GraphError> {
        let mut edges: Vec<_> = self.graph.edges(self.index(name)?).collect();
        edges.sort_by_key(petgraph::visit::EdgeRef::id);
        Ok(self.names(edges.iter().map(petgraph::visit::EdgeRef::target)))
    }

    /// What depends on a node directly, in the order in which the nodes were given.
    pub fn dependents_of(&self, name: &str) -> Result<Vec<&str>, GraphError> {
        let index = self.index(name)?;
        let mut dependents: Vec<_> = self
            .graph
            .neighbors_directed(index, Direction::Incoming)
            .collect();
        dependents.sort();
        Ok(self.names(dependents))
    }

    /// `names` and everything they depend on, in topological order, each once.
    pub fn with_ancestors<S: AsRef<str>>(&self, names: &[S]) -> Result<Vec<&str>, GraphError> {
        let mut wanted = vec![false; self.graph.node_count()];
        let mut open = Vec::new();
        for name in names {
            open.push(self.index(name.as_ref())?);
        }
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut wanted[node.index()], true) {
                open.extend(self.graph.neighbors(node));
            }
        }
        let kept = self.order.iter().filter(|node| wanted[node.index()]);
        Ok(self.names(kept.copied()))
    }

    fn index(&self, name: &str) -> Result<NodeIndex, GraphError> {
        let found = self.indices.get(name).copied();
        found.ok_or_else(|| GraphError::UnknownNode { name: name.into() })
    }

    fn names(&self, nodes: impl IntoIterator<Item = NodeIndex>) -> Vec<&str> {
        nodes
            .into_iter()
            .map(|node| self.graph[node].as_str())
            .collect()
    }
}

/// One ring of every knot of nodes that need each other: a shortest one through the node of the
/// knot that was given first. Dependencies on names that are not given are passed over.
pub fn cycles(nodes: &[(String, Vec<String>)]) -> Vec<Vec<String>> {
    let mut graph = DiGraph::new();
    let indices: BTreeMap<&str, NodeIndex> = nodes
        .iter()
        .map(|(name, _)| (name.as_str(), graph.add_node(name.clone())))
        .collect();
    for (name, dependencies) in nodes {
        for dependency in dependencies {
            if let Some(&target) = indices.get(dependency.as_str()) {
                graph.update_edge(indices[name.as_str()], target, ());
            }
        }
    }
    rings(&graph)
}

type Built = (DiGraph<String, ()>, BTreeMap<String, NodeIndex>);

fn build(nodes: &[(String, Vec<String>)]) -> Result<Built, GraphError> {
    let mut graph = DiGraph::with_capacity(nodes.len(), nodes.len());
    let mut indices = BTreeMap::new();
    for (name, _) in nodes {
        let index = graph.add_node(name.clone());
        if indices.insert(name.clone(), index).is_some() {
            return Err(GraphError::Duplicate { name: name.clone() });
        }
    }
    for (name, dependencies) in nodes {
        for dependency in dependencies {
            let Some(&target) = indices.get(dependency) else {
                return Err(GraphError::UnknownDependency {
                    node: name.clone(),
                    dependency: dependency.clone(),
                });
            };
            graph.update_edge(indices[name], target, ());
        }
    }
    Ok((graph, indices))
}

/// Kahn's algorithm, with a heap on the given order instead of a queue.
fn topological(graph: &DiGraph<String, ()>) -> Vec<NodeIndex> {
    let mut missing: Vec<usize> = graph
        .node_indices()
        .map(|node| graph.neighbors(node).count())
        .collect();
    let mut ready: BinaryHeap<Reverse<NodeIndex>> = graph
        .node_indices()
        .filter(|node| missing[node.index()] == 0)
        .map(Reverse)
        .collect();
    let mut order = Vec::with_capacity(graph.node_count());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        for dependent in graph.neighbors_directed(node, Direction::Incoming) {
            missing[dependent.index()] -= 1;
            if missing[dependent.index()] == 0 {
                ready.push(Reverse(dependent));
            }
        }
    }
    order
}

fn rings(graph: &DiGraph<String, ()>) -> Vec<Vec<String>> {
    let mut starts: Vec<(NodeIndex, Vec<NodeIndex>)> = tarjan_scc(graph)
        .into_iter()
        .filter(|knot| knot.len() > 1 || graph.contains_edge(knot[0], knot[0]))
        .filter_map(|mut knot| {
            knot.sort();
            Some((*knot.first()?, knot))
        })
        .collect();
    starts.sort();
    starts
        .into_iter()
        .map(|(start, knot)| shortest_ring(graph, start, &knot))
        .collect()
}

/// Breadth first from `start` back to `start`, inside its sorted knot.
fn shortest_ring(graph: &DiGraph<String, ()>, start: NodeIndex, knot: &[NodeIndex]) -> Vec<String> {
    let mut reached_from: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(node) = open.pop_front() {
        if reached_from.contains_key(&start) {
            break;
        }
        let mut next: Vec<_> = graph.neighbors(node).collect();
        next.sort();
        for target in next {
            if knot.binary_search(&target).is_ok() && !reached_from.contains_key(&target) {
                reached_from.insert(target, node);
                open.push_back(target);
            }
        }
    }
    let mut path = vec![graph[start].clone()];
    let mut at = start;
    while let Some(&before) = reached_from.get(&at) {
        path.push(graph[before].clone());
        at = before;
        if at == start {
            break;
        }
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(list: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        list.iter()
            .map(|(name, needs)| {
                (
                    name.to_string(),
                    needs.iter().map(|need| need.to_string()).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn ties_are_broken_by_the_given_order() {
        let dag = Dag::new(nodes(&[
            ("z", &["m"]),
            ("m", &[]),
            ("b", &[]),
            ("a", &["b"]),
        ]))
        .unwrap();
        assert_eq!(dag.order(), ["m", "z", "b", "a"]);
    }

    #[test]
    fn a_cycle_is_named_from_its_first_node_back_to_it() {
        let error = Dag::new(nodes(&[
            ("x", &["a"]),
            ("a", &["b"]),
            ("b", &["c"]),
            ("c", &["b", "a"]),
        ]));
        assert_eq!(
            error.unwrap_err().to_string(),
            "a cycle: a → b → c → a",
            "x only leads into the ring and is no part of it"
        );
    }

    #[test]
    fn every_knot_yields_one_ring_and_a_node_may_be_its_own() {
        let found = cycles(&nodes(&[
            ("self", &["self"]),
            ("a", &["b", "missing"]),
            ("b", &["a"]),
            ("free", &["a"]),
        ]));
        assert_eq!(found, [vec!["self", "self"], vec!["a", "b", "a"]]);
    }

    #[test]
    fn an_unknown_dependency_names_both_ends() {
        let error = Dag::new(nodes(&[("a", &["b"])])).unwrap_err();
        assert_eq!(error.to_string(), "a needs b, which does not exist");
    }

    #[test]
    fn the_same_name_twice_is_an_error() {
        let error = Dag::new(nodes(&[("a", &[]), ("a", &[])])).unwrap_err();
        assert_eq!(error, GraphError::Duplicate { name: "a".into() });
    }

    #[test]
    fn ancestors_come_in_topological_order_and_nothing_else_does() {
        let dag = Dag::new(nodes(&[
            ("test", &["classifier", "data"]),
            ("classifier", &["data"]),
            ("data", &[]),
            ("other", &["data"]),
        ]))
        .unwrap();
        assert_eq!(
            dag.with_ancestors(&["test", "classifier"]).unwrap(),
            ["data", "classifier", "test"]
        );
        assert_eq!(
            dag.with_ancestors(&["tset"]).unwrap_err(),
            GraphError::UnknownNode {
                name: "tset".into()
            }
        );
    }

    #[test]
    fn neighbours_come_in_the_order_given() {
        let dag = Dag::new(nodes(&[("t", &["b", "a", "b"]), ("a", &[]), ("b", &["a"])])).unwrap();
        assert_eq!(dag.dependencies_of("t").unwrap(), ["b", "a"]);
        assert_eq!(dag.dependents_of("a").unwrap(), ["t", "b"]);
    }
}
