//! The language of Mermaid's flowcharts, <https://mermaid.js.org/syntax/flowchart.html>.

use super::drawing::Drawing;

/// A `flowchart`, top down; derived nodes are dashed.
pub fn mermaid(drawing: &Drawing) -> String {
    // A JSON string is a YAML string too.
    let title = serde_json::Value::from(drawing.title.as_str());
    let mut text = format!("---\ntitle: {title}\n---\nflowchart TD\n");
    for (index, node) in drawing.nodes.iter().enumerate() {
        let class = match node.derived {
            true => ":::derived",
            false => "",
        };
        let (name, kind) = (escaped(&node.name), escaped(&node.kind));
        text += &format!("  n{index}[\"{name}<br/>{kind}\"]{class}\n");
    }
    for edge in &drawing.edges {
        let role = escaped(&edge.role);
        text += &format!("  n{} -->|\"{role}\"| n{}\n", edge.from, edge.to);
    }
    if drawing.nodes.iter().any(|node| node.derived) {
        text += "  classDef derived stroke-dasharray:4\n";
    }
    text
}

/// Mermaid's own entities: `#quot;` where HTML has `&quot;`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped += "#quot;",
            '#' => escaped += "#35;",
            '&' => escaped += "#amp;",
            '<' => escaped += "#lt;",
            '>' => escaped += "#gt;",
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::diamond;

    #[test]
    fn a_diamond_is_a_flowchart() {
        let expected = r#"---
title: "demo"
---
flowchart TD
  n0["a<br/>data"]
  n1["b<br/>pretrain"]
  n2["c:derived<br/>features"]:::derived
  n3["d<br/>evaluate"]
  n0 -->|"data, init"| n1
  n0 -->|"data"| n2
  n1 -->|"model"| n3
  n2 -->|"features"| n3
  n0 -->|"data"| n3
  classDef derived stroke-dasharray:4
"#;
        assert_eq!(mermaid(&diamond()), expected);
    }

    #[test]
    fn what_would_end_a_label_is_an_entity() {
        assert_eq!(escaped("a\"#<b>"), "a#quot;#35;#lt;b#gt;");
    }
}
