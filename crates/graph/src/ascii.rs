//! A tree of plain characters.

use super::drawing::Drawing;

/// A tree from what is read to what reads it. A node that reads several others is drawn in full
/// under the last of them; under the others it is only named, with a star.
pub fn ascii(drawing: &Drawing) -> String {
    let mut place = vec![None; drawing.nodes.len()];
    for (index, edge) in drawing.edges.iter().enumerate() {
        let place: &mut Option<usize> = &mut place[edge.to];
        if place.is_none_or(|before| drawing.edges[before].from < edge.from) {
            *place = Some(index);
        }
    }
    let mut tree = Tree {
        drawing,
        outgoing: drawing.outgoing(),
        starred: false,
        text: String::new(),
    };
    for root in (0..drawing.nodes.len()).filter(|&node| place[node].is_none()) {
        tree.text += &format!("{}\n", tree.label(root));
        tree.branches(root, "", &place);
    }
    if tree.starred {
        tree.text += "\n* drawn in full under another of its inputs\n";
    }
    tree.text
}

struct Tree<'a> {
    drawing: &'a Drawing,
    outgoing: Vec<Vec<usize>>,
    starred: bool,
    text: String,
}

impl Tree<'_> {
    fn label(&self, node: usize) -> String {
        let node = &self.drawing.nodes[node];
        format!("{} ({})", node.name, node.kind)
    }

    fn branches(&mut self, node: usize, indent: &str, place: &[Option<usize>]) {
        let edges = std::mem::take(&mut self.outgoing[node]);
        for (count, &index) in edges.iter().enumerate() {
            let edge = &self.drawing.edges[index];
            let (branch, below) = match count + 1 == edges.len() {
                true => ("`-- ", "    "),
                false => ("|-- ", "|   "),
            };
            self.text += &format!("{indent}{branch}{} -> ", edge.role);
            if place[edge.to] == Some(index) {
                self.text += &format!("{}\n", self.label(edge.to));
                self.branches(edge.to, &format!("{indent}{below}"), place);
            } else {
                self.text += &format!("{} *\n", self.drawing.nodes[edge.to].name);
                self.starred = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::diamond;

    #[test]
    fn a_diamond_is_drawn_once_and_every_edge_is_there() {
        let expected = "\
a (data)
|-- data, init -> b (pretrain)
|   `-- model -> d *
|-- data -> c:derived (features)
|   `-- features -> d (evaluate)
`-- data -> d *

* drawn in full under another of its inputs
";
        assert_eq!(ascii(&diamond()), expected);
    }
}
