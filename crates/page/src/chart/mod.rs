//! Charts as SVG that takes its colours from the page it stands in.

mod axis;
mod drawn_axis;
mod ink;
mod layer;
mod parallel;

use maud::html;
use plotters::coord::Shift;
use plotters::prelude::*;

use pipeline_error::Error;

pub use axis::{Axis, Scale};
use drawn_axis::DrawnAxis;
pub use ink::Ink;
pub use layer::{Layer, Shape};
pub use parallel::{Parallel, ParallelLine};

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

/// Draws `chart`; `id` is unique on the page.
pub fn svg(chart: &Chart, id: &str) -> Result<String, Error> {
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, SIZE).into_drawing_area();
        draw(chart, &area)
            .and_then(|()| area.present())
            .map_err(|error| undrawn(&chart.title, error))?;
    }
    Ok(for_a_page(
        &drawn,
        SIZE,
        id,
        (&chart.title, &chart.description),
    ))
}

fn undrawn(title: &str, error: impl std::fmt::Display) -> Error {
    Error::stage(format!("{title}: cannot be drawn: {error}"))
}

/// What the library drew, with the page's colours, a title and a description.
fn for_a_page(
    drawn: &str,
    size: (u32, u32),
    id: &str,
    (title, description): (&str, &str),
) -> String {
    let body = drawn.split_once('>').map_or("", |(_, body)| body);
    let body: String = body.lines().collect();
    let body = Ink::ALL
        .into_iter()
        .fold(body, |body, ink| ink.replace(&body));
    let (width, height) = size;
    let words = html! {
        title id={ (id) "-title" } { (title) }
        desc id={ (id) "-desc" } { (description) }
    };
    format!(
        "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" \
         viewBox=\"0 0 {width} {height}\">{}{body}",
        words.into_string()
    )
}

/// How many labels an axis has at most; every name has one.
fn labels(axis: &Axis) -> usize {
    match &axis.scale {
        Scale::Named(names) => names.len().max(1) * 2,
        _ => 6,
    }
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
        .build_cartesian_2d(DrawnAxis::new(&chart.x), DrawnAxis::new(&chart.y))?;
    plot.configure_mesh()
        .x_labels(labels(&chart.x))
        .y_labels(labels(&chart.y))
        .x_label_formatter(&|value| chart.x.tick(*value))
        .y_label_formatter(&|value| chart.y.tick(*value))
        .x_desc(chart.x.label.as_str())
        .y_desc(chart.y.label.as_str())
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
}
