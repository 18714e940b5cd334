//! The lives of grants: from creation to end, with their uses.

use super::WIDTH;
use crate::model::EventTime;
use crate::page::drawing::{Drawing, Form, Shape, cut};
use crate::page::texts::Texts;

const LEFT: f64 = 300.0;
const ROW: f64 = 18.0;
/// Grants that are drawn at most.
const MOST: usize = 40;

/// A grant.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) name: String,
    pub(crate) tip: String,
    pub(crate) created: Option<EventTime>,
    pub(crate) ended: Option<EventTime>,
    pub(crate) is_open: bool,
    pub(crate) first_use: Option<EventTime>,
    pub(crate) last_use: Option<EventTime>,
}

/// The picture; `None`: no grant has a time.
pub(crate) fn lifelines(
    id: &str,
    lives: &[Life],
    window: (EventTime, EventTime),
    texts: &Texts,
) -> Option<Drawing> {
    let times = lives.iter().flat_map(|life| [life.created, life.ended, life.last_use]).flatten();
    let first = times.clone().min()?.min(window.0);
    let last = times.max()?.max(window.1);
    #[expect(clippy::cast_precision_loss, reason = "a place in a picture")]
    let x = |time: EventTime| {
        let part = (time.0 - first.0) as f64 / ((last.0 - first.0).max(1)) as f64;
        LEFT + part * (WIDTH - LEFT - 20.0)
    };
    let mut shapes = vec![
        Shape::text(LEFT, 12.0, "start", "axis", first.to_rfc3339().split('T').next().unwrap_or_default()),
        Shape::text(
            WIDTH - 20.0,
            12.0,
            "end",
            "axis",
            last.to_rfc3339().split('T').next().unwrap_or_default(),
        ),
    ];
    let mut y = 30.0;
    for life in lives.iter().take(MOST) {
        let from = life.created.map_or(LEFT, x);
        let to = life.ended.map_or(WIDTH - 20.0, x);
        let class = match (life.is_open, life.last_use) {
            (true, None) => "life open unused",
            (true, Some(_)) => "life open",
            (false, _) => "life ended",
        };
        shapes.push(
            Shape::text(LEFT - 8.0, y + 4.0, "end", "label", cut(&life.name, 44)).tip(life.tip.clone()),
        );
        shapes.push(
            Shape::new(Form::Line { x1: from, y1: y, x2: to.max(from + 1.0), y2: y }, class)
                .tip(life.tip.clone()),
        );
        if life.created.is_some() {
            shapes.push(Shape::new(Form::Dot { x: from, y, radius: 3.0 }, "start-of-life"));
        }
        if life.ended.is_some() {
            let form = Form::Line { x1: to, y1: y - 6.0, x2: to, y2: y + 6.0 };
            shapes.push(Shape::new(form, "end-of-life"));
        }
        for time in [life.first_use, life.last_use].into_iter().flatten() {
            let form = Form::Line { x1: x(time), y1: y - 5.0, x2: x(time), y2: y + 5.0 };
            shapes.push(Shape::new(form, "use"));
        }
        y += ROW;
    }
    Some(Drawing {
        id: id.to_owned(),
        title: texts.lifelines.to_owned(),
        description: texts.lifelines_description.to_owned(),
        width: WIDTH,
        height: y,
        shapes,
        legend: vec![
            ("open".to_owned(), texts.life_open.to_owned()),
            ("unused".to_owned(), texts.life_unused.to_owned()),
            ("ended".to_owned(), texts.life_ended.to_owned()),
            ("use".to_owned(), texts.life_use.to_owned()),
        ],
        query: String::new(),
    })
}
