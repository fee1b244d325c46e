//! Where everything of a drawing stands.

use super::drawing::Drawing;

/// Height of a box, pixels.
pub const BOX_HEIGHT: f64 = 44.0;
/// Between two things of a rank, pixels.
const GAP: f64 = 28.0;
/// Between two ranks, pixels: room for an edge's label.
const RANK_GAP: f64 = 64.0;
/// Around the whole, pixels.
const MARGIN: f64 = 16.0;
/// The room of an edge that passes a rank, pixels.
const PASSAGE: f64 = 24.0;
/// The width of a letter of 14 pixels, about.
const LETTER: f64 = 8.0;
/// The width of a letter of an edge's label, about.
const ROLE_LETTER: f64 = 6.5;
/// The height of an edge's label.
const ROLE_HEIGHT: f64 = 12.0;
/// How far down the last piece of its line a label may stand, the best first.
const ROLE_PLACES: [f64; 3] = [0.5, 0.75, 0.25];

/// Where a box is: the middle of its upper side, and how wide it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    pub x: f64,
    pub y: f64,
    pub width: f64,
}

/// Where everything is.
pub struct Layout {
    /// The boxes.
    pub nodes: Vec<Place>,
    /// Points of every edge, from top to bottom.
    pub edges: Vec<Vec<(f64, f64)>>,
    /// The middle of every edge's label, on its base line.
    pub labels: Vec<(f64, f64)>,
    /// Of the whole, pixels.
    pub width: f64,
    /// Of the whole, pixels.
    pub height: f64,
}

/// What takes room in a rank.
#[derive(Clone, Copy)]
enum Slot {
    Node(usize),
    /// An edge that leads further down.
    Passing(usize),
}

impl Layout {
    /// Rank by rank: everything stands below the mean of what leads to it, as far as there is room.
    pub fn of(drawing: &Drawing) -> Self {
        let ranks = slots(drawing);
        let mut incoming = vec![Vec::new(); drawing.nodes.len()];
        for (index, edge) in drawing.edges.iter().enumerate() {
            incoming[edge.to].push(index);
        }
        let mut nodes = vec![Place::default(); drawing.nodes.len()];
        let mut edges: Vec<Vec<(f64, f64)>> = vec![Vec::new(); drawing.edges.len()];
        let outgoing = drawing.outgoing();
        let mut y = MARGIN;
        for slots in &ranks {
            let last_x = |edge: usize| edges[edge].last().map_or(0.0, |point: &(f64, f64)| point.0);
            let wish = |slot: &Slot| match *slot {
                Slot::Passing(edge) => last_x(edge),
                Slot::Node(node) => {
                    let sum: f64 = incoming[node].iter().map(|&edge| last_x(edge)).sum();
                    sum / incoming[node].len().max(1) as f64
                }
            };
            let mut sorted: Vec<(f64, Slot)> = slots.iter().map(|s| (wish(s), *s)).collect();
            sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
            let centres = spread(&sorted, drawing);
            for (&(_, slot), x) in sorted.iter().zip(centres) {
                match slot {
                    Slot::Passing(edge) => edges[edge].extend([(x, y), (x, y + BOX_HEIGHT)]),
                    Slot::Node(node) => {
                        let width = width(slot, drawing);
                        nodes[node] = Place { x, y, width };
                        enter(&mut edges, &incoming[node], nodes[node]);
                        for &edge in &outgoing[node] {
                            edges[edge].push((x, y + BOX_HEIGHT));
                        }
                    }
                }
            }
            y += BOX_HEIGHT + RANK_GAP;
        }
        let mut layout = Layout {
            nodes,
            labels: label_places(&edges, drawing),
            edges,
            width: 0.0,
            height: (y - RANK_GAP).max(MARGIN) + MARGIN,
        };
        layout.shift(drawing);
        layout
    }

    /// Moves everything so that it begins at the margin; labels count.
    fn shift(&mut self, drawing: &Drawing) {
        let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
        for place in &self.nodes {
            left = left.min(place.x - place.width / 2.0);
            right = right.max(place.x + place.width / 2.0);
        }
        for (x, _) in self.edges.iter().flatten() {
            left = left.min(*x);
            right = right.max(*x);
        }
        for ((x, _), edge) in self.labels.iter().zip(&drawing.edges) {
            left = left.min(x - half_width(&edge.role));
            right = right.max(x + half_width(&edge.role));
        }
        if self.nodes.is_empty() {
            (left, right) = (0.0, 0.0);
        }
        let by = (MARGIN - left).ceil();
        self.nodes.iter_mut().for_each(|place| place.x += by);
        let points = self.edges.iter_mut().flatten();
        let points = points.chain(&mut self.labels);
        points.for_each(|point| point.0 += by);
        self.width = (right + by + MARGIN).ceil();
    }
}

/// What stands in every rank, in the drawing's order.
fn slots(drawing: &Drawing) -> Vec<Vec<Slot>> {
    let rank_of = drawing.ranks();
    let count = rank_of.iter().max().map_or(0, |last| last + 1);
    let mut ranks = vec![Vec::new(); count];
    for (node, &rank) in rank_of.iter().enumerate() {
        ranks[rank].push(Slot::Node(node));
    }
    for (index, edge) in drawing.edges.iter().enumerate() {
        for rank in &mut ranks[rank_of[edge.from] + 1..rank_of[edge.to]] {
            rank.push(Slot::Passing(index));
        }
    }
    ranks
}

fn width(slot: Slot, drawing: &Drawing) -> f64 {
    match slot {
        Slot::Passing(_) => PASSAGE,
        Slot::Node(node) => {
            let node = &drawing.nodes[node];
            let letters = node
                .name
                .chars()
                .count()
                .max(node.subtitle().chars().count());
            (letters as f64 * LETTER + 24.0).max(72.0)
        }
    }
}

/// Centres of a rank's things in their order: pushed apart to the right until none overlap, then
/// all moved back by the mean of the pushing.
fn spread(sorted: &[(f64, Slot)], drawing: &Drawing) -> Vec<f64> {
    let mut centres = Vec::with_capacity(sorted.len());
    let (mut free, mut pushed) = (f64::NEG_INFINITY, 0.0);
    for &(wish, slot) in sorted {
        let half = width(slot, drawing) / 2.0;
        let centre = wish.max(free + half);
        pushed += centre - wish;
        free = centre + half + GAP;
        centres.push(centre);
    }
    let back = (pushed / sorted.len().max(1) as f64).round();
    centres.into_iter().map(|centre| centre - back).collect()
}

/// Leads edges to a box: side by side on its upper side, in the order in which they come.
fn enter(edges: &mut [Vec<(f64, f64)>], incoming: &[usize], place: Place) {
    let from = |edge: usize| edges[edge].last().map_or(0.0, |point| point.0);
    let mut sorted: Vec<(f64, usize)> = incoming.iter().map(|&edge| (from(edge), edge)).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let step = (place.width / (sorted.len() + 1) as f64).floor();
    let first = place.x - step * (sorted.len() as f64 - 1.0) / 2.0;
    for (count, (_, edge)) in sorted.into_iter().enumerate() {
        edges[edge].push((first + step * count as f64, place.y));
    }
}

/// Where every label stands: on the last piece of its line, and on no other label if it can.
fn label_places(edges: &[Vec<(f64, f64)>], drawing: &Drawing) -> Vec<(f64, f64)> {
    let mut placed: Vec<(f64, f64, f64)> = Vec::with_capacity(edges.len());
    for (points, edge) in edges.iter().zip(&drawing.edges) {
        let half = half_width(&edge.role);
        let is_free = |&(x, y): &(f64, f64)| {
            placed.iter().all(|(other_x, other_y, other_half)| {
                (x - other_x).abs() > half + other_half || (y - other_y).abs() > ROLE_HEIGHT
            })
        };
        let places = ROLE_PLACES.map(|share| on_last_piece(points, share));
        let (x, y) = places.into_iter().find(is_free).unwrap_or(places[0]);
        placed.push((x, y, half));
    }
    let labels = placed.into_iter();
    labels
        .map(|(x, y, _)| (x.round(), y.round() + 4.0))
        .collect()
}

fn half_width(role: &str) -> f64 {
    ROLE_LETTER / 2.0 * role.chars().count() as f64
}

/// The point of a line's last piece at this share of the way.
fn on_last_piece(points: &[(f64, f64)], share: f64) -> (f64, f64) {
    let [.., (from_x, from_y), (x, y)] = *points else {
        return (0.0, 0.0);
    };
    let rest = 1.0 - share;
    // The weight of the two points at the end of the curve that a smooth line draws.
    let after = share * share * (3.0 - 2.0 * share);
    let middle = f64::midpoint(from_y, y);
    (
        from_x + (x - from_x) * after,
        from_y * rest.powi(3) + 3.0 * middle * share * rest + y * share.powi(3),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::{DrawnNode, Given, diamond};

    #[test]
    fn boxes_stand_in_ranks_inside_the_picture_and_never_overlap() {
        let layout = Layout::of(&diamond());
        let rows: Vec<f64> = layout.nodes.iter().map(|place| place.y).collect();
        let second = MARGIN + BOX_HEIGHT + RANK_GAP;
        let third = second + BOX_HEIGHT + RANK_GAP;
        assert_eq!(rows, [MARGIN, second, second, third]);
        for place in &layout.nodes {
            assert!(place.x - place.width / 2.0 >= MARGIN);
            assert!(place.x + place.width / 2.0 <= layout.width - MARGIN);
        }
        let (b, c) = (layout.nodes[1], layout.nodes[2]);
        assert!((b.x - c.x).abs() >= (b.width + c.width) / 2.0 + GAP);
    }

    #[test]
    fn an_edge_over_several_ranks_passes_beside_the_boxes_between() {
        let layout = Layout::of(&diamond());
        let through = layout.edges[4][1];
        assert_eq!(through.1, layout.nodes[1].y);
        for place in &layout.nodes[1..3] {
            assert!((through.0 - place.x).abs() > place.width / 2.0);
        }
    }

    #[test]
    fn labels_of_lines_that_cross_stand_apart() {
        let given = |name: &str, inputs: &[&str]| Given {
            node: DrawnNode {
                name: name.into(),
                kind: "evaluate".into(),
                derived: false,
                mark: None,
            },
            inputs: inputs
                .iter()
                .map(|input| ("features".into(), input.to_string()))
                .collect(),
        };
        let nodes = [
            given("a", &[]),
            given("b", &[]),
            given("c", &["a", "b"]),
            given("d", &["a", "b"]),
        ];
        let drawing = Drawing::new("demo", nodes.into()).expect("no cycle");
        let layout = Layout::of(&drawing);
        let labels = &layout.labels;
        assert_eq!(labels.len(), 4);
        for (index, (x, y)) in labels.iter().enumerate() {
            for (other_x, other_y) in &labels[..index] {
                let apart = (x - other_x).abs() > 2.0 * half_width("features")
                    || (y - other_y).abs() >= ROLE_HEIGHT;
                assert!(apart, "{labels:?}");
            }
        }
    }
}
