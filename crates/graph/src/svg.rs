//! A picture that needs nothing beside it.

use std::fmt::Write;

use super::drawing::Drawing;
use super::layout::{BOX_HEIGHT, Layout, Place};

const STYLE: &str = "\
.pipeline-graph { color-scheme: light dark; color: #1b1f24; font: 14px sans-serif }
@media (prefers-color-scheme: dark) { .pipeline-graph { color: #e6e9ee } }
.pipeline-graph text { fill: currentColor }
.pipeline-graph .box text { text-anchor: middle }
.pipeline-graph .kind, .pipeline-graph .role { font-size: 11px; fill-opacity: 0.75 }
.pipeline-graph .role { text-anchor: middle; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
@media (prefers-color-scheme: dark) { .pipeline-graph .role { stroke: #121212 } }
.pipeline-graph rect, .pipeline-graph path { fill: none; stroke: currentColor }
.pipeline-graph .derived rect { stroke-dasharray: 4 }
.pipeline-graph .arrow { fill: currentColor; stroke: none }
";

/// Ranks from top to bottom, arrows from what is read to what reads it. Light on dark or dark on
/// light as the reader prefers.
pub fn svg(drawing: &Drawing) -> String {
    let layout = Layout::of(drawing);
    let (width, height) = (layout.width, layout.height);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pipeline-graph\" role=\"img\" \
         aria-labelledby=\"graph-title graph-desc\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\">\n<title id=\"graph-title\">{}</title>\n\
         <desc id=\"graph-desc\">{}</desc>\n<style>\n{STYLE}</style>\n\
         <defs><marker id=\"graph-arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">\
         <path class=\"arrow\" d=\"M0 0 L8 4 L0 8 z\"/></marker></defs>\n",
        escaped(&drawing.title),
        escaped(&description(drawing)),
    );
    for points in &layout.edges {
        let line = path(points);
        let _ = writeln!(
            text,
            "<path d=\"{line}\" marker-end=\"url(#graph-arrow)\"/>"
        );
    }
    // After all lines: a label stands out against those it crosses.
    for (edge, (x, y)) in drawing.edges.iter().zip(&layout.labels) {
        let role = escaped(&edge.role);
        let _ = writeln!(
            text,
            "<text class=\"role\" x=\"{x}\" y=\"{y}\">{role}</text>"
        );
    }
    for (node, &Place { x, y, width }) in drawing.nodes.iter().zip(&layout.nodes) {
        let derived = if node.derived { " derived" } else { "" };
        let mark = node.mark.as_ref().map_or("", |mark| mark.class);
        let class = format!("box{derived} {mark}");
        let class = class.trim_end();
        let left = x - width / 2.0;
        let _ = writeln!(
            text,
            "<g class=\"{class}\"><rect x=\"{left}\" y=\"{y}\" width=\"{width}\" \
             height=\"{BOX_HEIGHT}\" rx=\"6\"/><text x=\"{x}\" y=\"{}\">{}</text>\
             <text class=\"kind\" x=\"{x}\" y=\"{}\">{}</text></g>",
            y + 19.0,
            escaped(&node.name),
            y + 35.0,
            escaped(&node.subtitle()),
        );
    }
    text + "</svg>\n"
}

/// The graph in words, for those who do not see it.
fn description(drawing: &Drawing) -> String {
    let name = |node: usize| drawing.nodes[node].name.as_str();
    let lines = drawing.edges.iter().map(|edge| {
        let (to, from) = (name(edge.to), name(edge.from));
        format!("{to} reads {from} as {}.", edge.role)
    });
    let marked = drawing.nodes.iter();
    let marked = marked.filter_map(|node| {
        let mark = node.mark.as_ref()?;
        Some(format!("{}: {}.", node.name, mark.text))
    });
    let count = match drawing.nodes.len() {
        1 => "1 stage.".into(),
        count => format!("{count} stages."),
    };
    let lines: Vec<String> = std::iter::once(count).chain(lines).chain(marked).collect();
    lines.join(" ")
}

/// A smooth line through points.
fn path(points: &[(f64, f64)]) -> String {
    let mut line = String::new();
    let mut at = None;
    for &(x, y) in points {
        match at {
            None => line += &format!("M{x} {y}"),
            Some((from_x, from_y)) => {
                let middle: f64 = (from_y + y) / 2.0;
                line += &format!(" C{from_x} {middle} {x} {middle} {x} {y}");
            }
        }
        at = Some((x, y));
    }
    line
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::diamond;

    #[test]
    fn a_diamond_has_a_box_a_node_an_arrow_an_edge_and_a_description() {
        let text = svg(&diamond());
        assert_eq!(text.matches("<rect ").count(), 4);
        assert_eq!(text.matches("marker-end=").count(), 5);
        assert_eq!(text.matches("class=\"box derived\"").count(), 1);
        assert!(text.contains("<title id=\"graph-title\">demo</title>"));
        let description = "4 stages. b reads a as data, init. c:derived reads a as data. \
                           d reads b as model. d reads c:derived as features. d reads a as data.";
        assert!(text.contains(&format!(">{description}</desc>")), "{text}");
    }

    #[test]
    fn markup_in_names_is_text() {
        assert_eq!(escaped("a<b>&c"), "a&lt;b&gt;&amp;c");
    }
}
