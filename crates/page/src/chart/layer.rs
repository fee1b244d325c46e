use super::Ink;

/// Something that is drawn.
pub struct Layer {
    /// Its colour.
    pub ink: Ink,
    /// Its shape.
    pub shape: Shape,
}

/// How something is drawn.
pub enum Shape {
    /// A line through points.
    Line(Vec<(f64, f64)>),
    /// Points alone.
    Points(Vec<(f64, f64)>),
    /// What lies between two lines: place, lower end, upper end.
    Band(Vec<(f64, f64, f64)>),
}

impl Layer {
    /// A line.
    pub fn line(ink: Ink, points: Vec<(f64, f64)>) -> Self {
        Self {
            ink,
            shape: Shape::Line(points),
        }
    }

    /// Points.
    pub fn points(ink: Ink, points: Vec<(f64, f64)>) -> Self {
        Self {
            ink,
            shape: Shape::Points(points),
        }
    }

    /// A band.
    pub fn band(ink: Ink, points: Vec<(f64, f64, f64)>) -> Self {
        Self {
            ink,
            shape: Shape::Band(points),
        }
    }
}

impl Layer {
    /// The pieces of a line or a band that do not lie below `low`.
    pub fn pieces_above(self, low: f64) -> Vec<Self> {
        let ink = self.ink;
        match self.shape {
            Shape::Line(points) => pieces(&points, |(_, y)| *y >= low)
                .map(|piece| Layer::line(ink, piece))
                .collect(),
            Shape::Points(mut points) => {
                points.retain(|(_, y)| *y >= low);
                vec![Layer::points(ink, points)]
            }
            Shape::Band(points) => pieces(&points, |(_, _, upper)| *upper >= low)
                .map(|piece| {
                    let raised = piece.into_iter();
                    let raised = raised.map(|(at, lower, upper)| (at, lower.max(low), upper));
                    Layer::band(ink, raised.collect())
                })
                .collect(),
        }
    }
}

/// Runs of neighbours that are `kept`.
fn pieces<T: Copy>(points: &[T], kept: impl Fn(&T) -> bool) -> impl Iterator<Item = Vec<T>> {
    let pieces = points.split(move |point| !kept(point));
    pieces.filter(|piece| !piece.is_empty()).map(<[T]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_below_is_a_gap_and_no_bridge() {
        let line = Layer::line(Ink::First, vec![(0.0, 1.0), (1.0, -1.0), (2.0, 1.0)]);
        assert_eq!(line.pieces_above(0.0).len(), 2);
    }
}
