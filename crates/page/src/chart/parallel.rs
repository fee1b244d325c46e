use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Axis, Ink, PIXEL, Scale, for_a_page, undrawn};
use pipeline_error::Error;

/// Places of an axis that are labelled, where they have no names.
const TICKS: usize = 5;
const HEIGHT: u32 = 340 * PIXEL;
/// Above and below the axes: their labels.
const MARGIN: (u32, u32) = (36 * PIXEL, 12 * PIXEL);
/// From one axis to the next.
const STEP: u32 = 130 * PIXEL;
/// Left of the first axis: its labels.
const LEFT: u32 = 90 * PIXEL;
/// Right of the last axis, for each letter of its label: half of it, and a little more.
const RIGHT: u32 = 5 * PIXEL;

/// Parallel coordinates: an axis beside the other, and a line through all of them for each thing that
/// has a value on each (Inselberg 1985).
pub struct Parallel {
    /// What it shows: its name for those who do not see it.
    pub title: String,
    /// What is to be seen, with the numbers.
    pub description: String,
    /// The axes, from the left.
    pub axes: Vec<Axis>,
    /// The lines, the lowest first.
    pub lines: Vec<ParallelLine>,
}

/// A line through the axes.
pub struct ParallelLine {
    /// Its colour.
    pub ink: Ink,
    /// Its place on each axis; without one it has a gap there.
    pub places: Vec<Option<f64>>,
}

impl Parallel {
    /// Draws it; `id` is unique on the page.
    pub fn svg(&self, id: &str) -> Result<String, Error> {
        let size = (
            LEFT + STEP * (self.axes.len().max(1) as u32 - 1) + self.right(),
            HEIGHT,
        );
        let mut drawn = String::new();
        {
            let area = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
            self.draw(&area)
                .and_then(|()| area.present())
                .map_err(|error| undrawn(&self.title, error))?;
        }
        Ok(for_a_page(
            &drawn,
            size,
            id,
            (&self.title, &self.description),
        ))
    }

    fn right(&self) -> u32 {
        let last = self.axes.last().map_or("", |axis| axis.label.as_str());
        RIGHT * last.chars().count().max(8) as u32
    }

    fn draw<'a>(&self, area: &super::Area<'a>) -> super::Drawn<'a> {
        for line in &self.lines {
            let width = match line.ink {
                Ink::Other => PIXEL,
                _ => PIXEL * 2,
            };
            let style = line.ink.placeholder().stroke_width(width);
            for piece in self.pieces(line) {
                area.draw(&PathElement::new(piece, style))?;
            }
        }
        let text = |horizontal, vertical, size: u32| {
            let font = ("sans-serif", size * PIXEL).into_font();
            font.color(&Ink::Text.placeholder())
                .pos(Pos::new(horizontal, vertical))
        };
        let line = Ink::Text.placeholder().stroke_width(PIXEL);
        for (position, axis) in self.axes.iter().enumerate() {
            let at = |place| point(position, axis, place);
            let (low, high) = (at(axis.range.start), at(axis.range.end));
            area.draw(&PathElement::new(vec![low, high], line))?;
            let above = (high.0, high.1 - 10 * PIXEL as i32);
            let style = text(HPos::Center, VPos::Bottom, 15);
            area.draw(&Text::new(axis.label.clone(), above, style))?;
            for place in ticks(axis) {
                let (x, y) = at(place);
                let mark = vec![(x - 4 * PIXEL as i32, y), (x, y)];
                area.draw(&PathElement::new(mark, line))?;
                let style = text(HPos::Right, VPos::Center, 13);
                area.draw(&Text::new(
                    axis.tick(place),
                    (x - 7 * PIXEL as i32, y),
                    style,
                ))?;
            }
        }
        Ok(())
    }

    /// What of a line can be drawn without lifting the pen.
    fn pieces(&self, line: &ParallelLine) -> Vec<Vec<(i32, i32)>> {
        let places = self.axes.iter().zip(&line.places).enumerate();
        let points: Vec<Option<(i32, i32)>> = places
            .map(|(position, (axis, place))| Some(point(position, axis, (*place)?)))
            .collect();
        let pieces = points.split(Option::is_none);
        pieces
            .filter(|piece| piece.len() > 1)
            .map(|piece| piece.iter().flatten().copied().collect())
            .collect()
    }
}

fn point(position: usize, axis: &Axis, place: f64) -> (i32, i32) {
    let share = (place - axis.range.start) / (axis.range.end - axis.range.start);
    let height = f64::from(HEIGHT - MARGIN.0 - MARGIN.1);
    (
        (LEFT + STEP * position as u32) as i32,
        (f64::from(MARGIN.0) + (1.0 - share) * height).round() as i32,
    )
}

fn ticks(axis: &Axis) -> Vec<f64> {
    match &axis.scale {
        Scale::Named(names) => (0..names.len()).map(|place| place as f64).collect(),
        _ => {
            let step = (axis.range.end - axis.range.start) / (TICKS - 1) as f64;
            (0..TICKS)
                .map(|tick| axis.range.start + step * tick as f64)
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_through_its_places_and_has_a_gap_where_it_has_none() {
        let line = |places| ParallelLine {
            ink: Ink::First,
            places,
        };
        let chart = Parallel {
            title: "a & b".into(),
            description: "best: 2".into(),
            axes: ["x", "y", "z"].map(Axis::share).into(),
            lines: vec![
                line(vec![Some(0.0), Some(1.0), Some(0.5)]),
                line(vec![Some(0.0), None, Some(0.5)]),
            ],
        };
        let pieces: Vec<usize> = chart
            .lines
            .iter()
            .map(|line| chart.pieces(line).len())
            .collect();
        assert_eq!(pieces, [1, 0]);
        let drawn = chart.svg("p").unwrap();
        // A line, three axes, and their five ticks each.
        assert_eq!(drawn.matches("<polyline").count(), 1 + 3 + 15);
        assert!(drawn.contains("<title id=\"p-title\">a &amp; b</title>"));
    }
}
