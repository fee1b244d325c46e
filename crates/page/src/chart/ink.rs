use plotters::style::RGBColor;

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
    /// Lines that others stand out from.
    Other,
}

impl Ink {
    pub(super) const ALL: [Ink; 7] = [
        Ink::First,
        Ink::Second,
        Ink::Third,
        Ink::Reference,
        Ink::Text,
        Ink::Grid,
        Ink::Other,
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
            Ink::Other => "other",
        }
    }

    /// The library knows fixed colours only: a colour that stands for the ink until it is replaced.
    pub(super) fn placeholder(self) -> RGBColor {
        RGBColor(self as u8 + 1, 0, 0)
    }

    /// Puts the variable where the placeholder stands.
    pub(super) fn replace(self, svg: &str) -> String {
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
