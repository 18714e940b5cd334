//! Pictures as shapes. A template writes them as SVG.

use std::fmt::Write as _;

use super::escape::written_len;

/// A picture.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    /// Its place in the page.
    pub(super) id: String,
    pub(super) title: String,
    /// What it shows, for those who cannot see it.
    pub(super) description: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) shapes: Vec<Shape>,
    /// Colours with their meaning: class and words.
    pub(super) legend: Vec<(String, String)>,
    /// The query whose rows are in the marks; empty: there is none.
    pub(super) query: String,
}

/// Bytes of an element with its numbers and classes, beside its texts.
const ELEMENT: usize = 90;

impl Drawing {
    /// About the bytes that it takes in the page.
    pub(super) fn bytes(&self) -> usize {
        let shape = |shape: &Shape| {
            let texts = [shape.tip.as_deref(), shape.row.as_deref(), shape.link.as_deref(), shape.words()];
            let texts = texts.into_iter().chain([shape.path()]).flatten().map(|text| written_len(text) + 15);
            ELEMENT + texts.sum::<usize>()
        };
        let legend = self.legend.iter().map(|(class, words)| 2 * ELEMENT + class.len() + written_len(words));
        8 * ELEMENT + self.query.len() + self.shapes.iter().map(shape).chain(legend).sum::<usize>()
    }

    /// A picture, or a group where parts of it are links.
    pub(super) fn role(&self) -> &'static str {
        if self.shapes.iter().any(|shape| shape.link.is_some()) { "group" } else { "img" }
    }
}

/// One shape.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) form: Form,
    /// Classes of the style sheet.
    pub(super) class: String,
    /// What a pointer over it tells.
    pub(super) tip: Option<String>,
    /// The row of the query that it stands for: values with `|` between them.
    pub(super) row: Option<String>,
    /// The place in the page that it leads to.
    pub(super) link: Option<String>,
}

/// The form of a shape. Lengths are in units of the drawing.
#[derive(Debug, Clone)]
pub(super) enum Form {
    Box { x: f64, y: f64, width: f64, height: f64 },
    Line { x1: f64, y1: f64, x2: f64, y2: f64 },
    Dot { x: f64, y: f64, radius: f64 },
    Path { data: String },
    Text { x: f64, y: f64, anchor: &'static str, text: String },
}

impl Shape {
    pub(super) fn new(form: Form, class: impl Into<String>) -> Self {
        Self { form, class: class.into(), tip: None, row: None, link: None }
    }

    pub(super) fn text(x: f64, y: f64, anchor: &'static str, class: &str, text: impl Into<String>) -> Self {
        Self::new(Form::Text { x, y, anchor, text: text.into() }, class)
    }

    pub(super) fn tip(mut self, tip: impl Into<String>) -> Self {
        self.tip = Some(tip.into());
        self
    }

    pub(super) fn row(mut self, row: impl Into<String>) -> Self {
        self.row = Some(row.into());
        self
    }

    pub(super) fn link(mut self, link: Option<String>) -> Self {
        self.link = link;
        self
    }

    /// The attributes of the form, which are numbers and fixed words.
    pub(super) fn attributes(&self) -> String {
        let mut text = String::new();
        let mut add = |name: &str, value: f64| {
            let _ = write!(text, " {name}=\"{}\"", rounded(value)); // a string takes all
        };
        match &self.form {
            Form::Box { x, y, width, height } => {
                add("x", *x);
                add("y", *y);
                add("width", width.max(0.5));
                add("height", height.max(0.5));
            }
            Form::Line { x1, y1, x2, y2 } => {
                add("x1", *x1);
                add("y1", *y1);
                add("x2", *x2);
                add("y2", *y2);
            }
            Form::Dot { x, y, radius } => {
                add("cx", *x);
                add("cy", *y);
                add("r", *radius);
            }
            Form::Text { x, y, .. } => {
                add("x", *x);
                add("y", *y);
            }
            Form::Path { .. } => {}
        }
        text
    }

    /// How its text is placed, if it is one.
    pub(super) fn anchor(&self) -> Option<&str> {
        match &self.form {
            Form::Text { anchor, .. } => Some(anchor),
            _ => None,
        }
    }

    /// Its text, if it is one.
    pub(super) fn words(&self) -> Option<&str> {
        match &self.form {
            Form::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Its path, if it is one.
    pub(super) fn path(&self) -> Option<&str> {
        match &self.form {
            Form::Path { data } => Some(data),
            _ => None,
        }
    }

    /// The name of the element.
    pub(super) fn element(&self) -> &'static str {
        match self.form {
            Form::Box { .. } => "rect",
            Form::Line { .. } => "line",
            Form::Dot { .. } => "circle",
            Form::Path { .. } => "path",
            Form::Text { .. } => "text",
        }
    }
}

/// With at most one digit after the point.
pub(super) fn rounded(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A band between two upright edges, as a path: from `(x1, y1)` down `height`, to `(x2, y2)`.
pub(super) fn band(x1: f64, y1: f64, x2: f64, y2: f64, height: f64) -> String {
    let middle = f64::midpoint(x1, x2);
    let [x1, x2, m, top1, top2, low1, low2] = [x1, x2, middle, y1, y2, y1 + height, y2 + height].map(rounded);
    format!("M{x1} {top1}C{m} {top1} {m} {top2} {x2} {top2}L{x2} {low2}C{m} {low2} {m} {low1} {x1} {low1}Z")
}

/// At most `limit` characters of a text, the last one an ellipsis if some are left out.
pub(super) fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}
