//! Accounts × Regions × days: where archives were read, and where days are missing.

use std::collections::BTreeSet;

use super::{WIDTH, day_text};
use crate::page::drawing::{Drawing, Form, Shape, cut};
use crate::page::texts::Texts;

const LEFT: f64 = 210.0;
const ROW: f64 = 20.0;
/// Rows that are drawn at most.
const ROWS: usize = 60;
/// Cells of a row at most: of longer times, a cell stands for several days.
const CELLS: i32 = 120;

/// What is known of an account and Region. Days are since the epoch.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) name: String,
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) missing: BTreeSet<i32>,
    /// The report lists no missing days after this one, though there are some.
    pub(crate) known_until: Option<i32>,
}

/// The picture; `None`: nothing is known.
pub(crate) fn calendar(scopes: &[Scope], texts: &Texts) -> Option<Drawing> {
    let (first, last) = (scopes.iter().map(|s| s.first).min()?, scopes.iter().map(|s| s.last).max()?);
    let days = (last - first + 1).div_euclid(CELLS) + 1;
    let cells = (last - first).div_euclid(days) + 1;
    let width = (WIDTH - LEFT - 10.0) / f64::from(cells.max(10));
    let mut shapes = Vec::new();
    let mut y = 22.0;
    for scope in scopes.iter().take(ROWS) {
        shapes.push(Shape::text(LEFT - 8.0, y + 13.0, "end", "label", cut(&scope.name, 30)));
        for cell in 0..cells {
            let (from, to) = (first + cell * days, first + (cell + 1) * days - 1);
            let (from, to) = (from.max(scope.first), to.min(scope.last));
            let x = LEFT + f64::from(cell) * width;
            let form = Form::Box { x, y, width: width * 0.92, height: ROW - 4.0 };
            if from > to || scope.known_until.is_some_and(|known| from > known) {
                shapes.push(Shape::new(form, "outside"));
                continue;
            }
            let missing = scope.missing.range(from..=to).count();
            let what = match missing {
                0 => texts.calendar_read.to_owned(),
                n => format!("{}: {n}", texts.calendar_missing),
            };
            let when =
                if from == to { day_text(from) } else { format!("{}–{}", day_text(from), day_text(to)) };
            let class = if missing == 0 { "read" } else { "missing" };
            shapes.push(Shape::new(form, class).tip(format!("{} {when}: {what}", scope.name)));
        }
        y += ROW;
    }
    shapes.push(Shape::text(LEFT, 14.0, "start", "axis", day_text(first)));
    shapes.push(Shape::text(WIDTH - 10.0, 14.0, "end", "axis", day_text(last)));
    Some(Drawing {
        id: "calendar".to_owned(),
        title: texts.calendar.to_owned(),
        description: texts.calendar_description.to_owned(),
        width: WIDTH,
        height: y + 6.0,
        shapes,
        legend: vec![
            ("read".to_owned(), texts.calendar_read.to_owned()),
            ("missing".to_owned(), texts.calendar_missing.to_owned()),
            ("outside".to_owned(), texts.calendar_outside.to_owned()),
        ],
        query: String::new(),
    })
}
