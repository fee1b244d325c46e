//! The language of Graphviz, <https://graphviz.org/doc/info/lang.html>.

use super::drawing::Drawing;

/// A `digraph`; derived nodes are dashed.
pub fn dot(drawing: &Drawing) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&[&drawing.title]));
    text += "  node [shape=box, fontname=\"sans-serif\"];\n";
    text += "  edge [fontname=\"sans-serif\", fontsize=10];\n";
    for node in &drawing.nodes {
        let style = match node.derived {
            true => ", style=dashed",
            false => "",
        };
        let (name, label) = (quoted(&[&node.name]), quoted(&[&node.name, &node.kind]));
        text += &format!("  {name} [label={label}{style}];\n");
    }
    for edge in &drawing.edges {
        let end = |node: usize| quoted(&[&drawing.nodes[node].name]);
        let (from, to, role) = (end(edge.from), end(edge.to), quoted(&[&edge.role]));
        text += &format!("  {from} -> {to} [label={role}];\n");
    }
    text + "}\n"
}

/// Lines as one quoted string.
fn quoted(lines: &[&str]) -> String {
    let escape = |line: &&str| line.replace('\\', "\\\\").replace('"', "\\\"");
    let lines: Vec<String> = lines.iter().map(escape).collect();
    format!("\"{}\"", lines.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::diamond;

    #[test]
    fn a_diamond_is_a_digraph() {
        let expected = r#"digraph "demo" {
  node [shape=box, fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  "a" [label="a\ndata"];
  "b" [label="b\npretrain"];
  "c:derived" [label="c:derived\nfeatures", style=dashed];
  "d" [label="d\nevaluate"];
  "a" -> "b" [label="data, init"];
  "a" -> "c:derived" [label="data"];
  "b" -> "d" [label="model"];
  "c:derived" -> "d" [label="features"];
  "a" -> "d" [label="data"];
}
"#;
        assert_eq!(dot(&diamond()), expected);
    }

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(quoted(&[r#"a"b\"#, "c"]), r#""a\"b\\\nc""#);
    }
}
