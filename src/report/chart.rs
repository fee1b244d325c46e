//! Charts as SVG that takes its colours from the page it stands in.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::error::Error;

/// Width and height of a chart in units of its own; a page scales it. Many, for lines are drawn
/// at whole units.
const SIZE: (u32, u32) = (1760, 1280);
/// Units that one pixel takes where a chart is shown as large as it is meant.
const PIXEL: u32 = 4;

/// A chart of two numbers against each other.
pub struct Chart {
    /// What it shows: its name for those who do not see it.
    pub title: String,
    /// What is to be seen, with the numbers.
    pub description: String,
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// What is drawn, the lowest first.
    pub layers: Vec<Layer>,
}

/// An axis.
pub struct Axis {
    /// What it measures.
    pub label: &'static str,
    /// From where to where.
    pub range: Range<f64>,
    /// Whether there is nothing between whole numbers.
    pub is_count: bool,
}

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

/// What something is drawn in: a variable of the page's style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The model, or the first of several lines.
    First,
    /// The second line.
    Second,
    /// The third line.
    Third,
    /// What lines are compared with; dashed.
    Reference,
    /// Labels.
    Text,
    /// Grids.
    Grid,
}

impl Ink {
    const ALL: [Ink; 6] = [
        Ink::First,
        Ink::Second,
        Ink::Third,
        Ink::Reference,
        Ink::Text,
        Ink::Grid,
    ];

    /// The name that style sheets know.
    pub fn name(self) -> &'static str {
        match self {
            Ink::First => "first",
            Ink::Second => "second",
            Ink::Third => "third",
            Ink::Reference => "reference",
            Ink::Text => "text",
            Ink::Grid => "grid",
        }
    }

    /// The library knows fixed colours only: a colour that stands for the ink until it is replaced.
    fn placeholder(self) -> RGBColor {
        RGBColor(self as u8 + 1, 0, 0)
    }

    /// Puts the variable where the placeholder stands.
    fn replace(self, svg: &str) -> String {
        let RGBColor(red, ..) = self.placeholder();
        let (colour, variable) = (
            format!("\"#{red:02X}0000\""),
            format!("\"var(--{})\"", self.name()),
        );
        match self {
            Ink::Reference => svg.replace(
                &format!("stroke={colour}"),
                &format!("stroke={variable} stroke-dasharray=\"20 16\""),
            ),
            _ => svg.to_string(),
        }
        .replace(&colour, &variable)
    }
}

impl Axis {
    /// An axis that holds all of `values`, with a little room; from 0 to 1 where there are none.
    pub fn around(label: &'static str, values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let range = match low <= high {
            false => 0.0..1.0,
            true => {
                let room = match (high - low) * 0.04 {
                    room if room > 0.0 => room,
                    _ => high.abs().max(1.0) * 0.05,
                };
                low - room..high + room
            }
        };
        Self {
            label,
            range,
            is_count: false,
        }
    }

    /// The same for what is counted.
    pub fn counting(label: &'static str, values: impl Iterator<Item = f64>) -> Self {
        Self {
            is_count: true,
            ..Self::around(label, values)
        }
    }

    /// An axis from 0 to 1.
    pub fn share(label: &'static str) -> Self {
        Self {
            label,
            range: 0.0..1.0,
            is_count: false,
        }
    }
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

/// Draws `chart`; `id` is unique on the page.
pub fn svg(chart: &Chart, id: &str) -> Result<String, Error> {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, SIZE).into_drawing_area();
        draw(chart, &area)
            .and_then(|()| area.present())
            .map_err(|error| Error::stage(format!("{}: cannot be drawn: {error}", chart.title)))?;
    }
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    let body: String = body.lines().collect();
    let body = Ink::ALL
        .into_iter()
        .fold(body, |body, ink| ink.replace(&body));
    let (width, height) = SIZE;
    Ok(format!(
        "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         viewBox=\"0 0 {width} {height}\"><title id=\"{id}-title\">{}</title>\
         <desc id=\"{id}-desc\">{}</desc>{body}",
        escaped(&chart.title),
        escaped(&chart.description),
    ))
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

fn draw<'a>(chart: &Chart, area: &Area<'a>) -> Drawn<'a> {
    let font = |size: u32| ("sans-serif", size * PIXEL).into_font();
    let text = |size: u32| font(size).color(&Ink::Text.placeholder());
    let mut plot = ChartBuilder::on(area)
        .margin(3 * PIXEL)
        .margin_right(14 * PIXEL)
        .margin_top(10 * PIXEL)
        .x_label_area_size(44 * PIXEL)
        .y_label_area_size(60 * PIXEL)
        .build_cartesian_2d(chart.x.range.clone(), chart.y.range.clone())?;
    plot.configure_mesh()
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| tick(*value, &chart.x))
        .y_label_formatter(&|value| tick(*value, &chart.y))
        .x_desc(chart.x.label)
        .y_desc(chart.y.label)
        .label_style(text(15))
        .axis_desc_style(text(16))
        .axis_style(Ink::Text.placeholder().stroke_width(PIXEL))
        .bold_line_style(Ink::Grid.placeholder().stroke_width(PIXEL / 2))
        .light_line_style(TRANSPARENT)
        .draw()?;
    for layer in &chart.layers {
        let colour = layer.ink.placeholder();
        let width = match layer.ink {
            Ink::Reference => PIXEL * 3 / 2,
            _ => PIXEL * 2,
        };
        match &layer.shape {
            Shape::Line(points) => {
                let line = LineSeries::new(points.iter().copied(), colour.stroke_width(width));
                plot.draw_series(line)?;
            }
            Shape::Points(points) => {
                let points = points.iter();
                plot.draw_series(points.map(|at| Circle::new(*at, 4 * PIXEL, colour.filled())))?;
            }
            Shape::Band(points) => {
                let lower = points.iter().map(|(at, lower, _)| (*at, *lower));
                let upper = points.iter().rev().map(|(at, _, upper)| (*at, *upper));
                let outline: Vec<(f64, f64)> = lower.chain(upper).collect();
                let band = Polygon::new(outline, colour.mix(0.18).filled());
                plot.draw_series(std::iter::once(band))?;
            }
        }
    }
    Ok(())
}

/// As many decimals as neighbours need to differ; of counts whole numbers alone have a label.
fn tick(value: f64, axis: &Axis) -> String {
    let width = axis.range.end - axis.range.start;
    // A zero that was added up is none.
    let value = if value.abs() < width * 1e-9 {
        0.0
    } else {
        value
    };
    match width {
        _ if axis.is_count => match (value - value.round()).abs() < 1e-6 {
            true => format!("{value:.0}"),
            false => String::new(),
        },
        width if width >= 20.0 => format!("{value:.0}"),
        width if width >= 2.0 => format!("{value:.1}"),
        width if width >= 0.2 => format!("{value:.2}"),
        width if width >= 0.02 => format!("{value:.3}"),
        _ => format!("{value:.1e}"),
    }
}

fn escaped(text: &str) -> String {
    let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")];
    let text = text.to_string();
    pairs
        .into_iter()
        .fold(text, |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        Chart {
            title: "a < b".into(),
            description: "0.5 & more".into(),
            x: Axis::share("x"),
            y: Axis::around("y", [1.0, 3.0].into_iter()),
            layers: vec![
                Layer::band(Ink::First, vec![(0.0, 1.0, 2.0), (1.0, 2.0, 3.0)]),
                Layer::line(Ink::First, vec![(0.0, 1.5), (1.0, 2.5)]),
                Layer::line(Ink::Reference, vec![(0.0, 1.0), (1.0, 3.0)]),
                Layer::points(Ink::Second, vec![(0.5, 2.0)]),
            ],
        }
    }

    #[test]
    fn every_colour_is_a_variable_and_what_is_shown_is_said() {
        let drawn = svg(&chart(), "c1").unwrap();
        assert!(!drawn.contains("=\"#"), "{drawn}");
        assert!(!drawn.contains("xmlns"));
        assert!(drawn.contains("<title id=\"c1-title\">a &lt; b</title>"));
        assert!(drawn.contains("<desc id=\"c1-desc\">0.5 &amp; more</desc>"));
        assert!(drawn.contains("stroke=\"var(--reference)\" stroke-dasharray"));
        assert_eq!(drawn.matches("<polygon").count(), 1);
        assert_eq!(drawn.matches("<circle").count(), 1);
        assert!(drawn.ends_with("</svg>"));
    }

    #[test]
    fn an_axis_has_room_even_for_one_value_and_none() {
        let axis = |values: &[f64]| Axis::around("y", values.iter().copied()).range;
        assert_eq!(axis(&[]), 0.0..1.0);
        assert_eq!(axis(&[2.0]), 1.9..2.1);
        assert_eq!(axis(&[f64::NAN, 0.0, 100.0]), -4.0..104.0);
    }

    #[test]
    fn ticks_tell_neighbours_apart_and_counts_have_no_halves() {
        assert_eq!(tick(0.2, &Axis::share("x")), "0.20");
        assert_eq!(tick(-1e-17, &Axis::share("x")), "0.00");
        assert_eq!(
            tick(40.0, &Axis::around("x", [0.0, 60.0].into_iter())),
            "40"
        );
        let epochs = Axis::counting("epoch", [1.0, 2.0].into_iter());
        assert_eq!([1.0, 1.5].map(|value| tick(value, &epochs)), ["1", ""]);
    }

    #[test]
    fn what_lies_below_is_a_gap_and_no_bridge() {
        let line = Layer::line(Ink::First, vec![(0.0, 1.0), (1.0, -1.0), (2.0, 1.0)]);
        assert_eq!(line.pieces_above(0.0).len(), 2);
    }
}
