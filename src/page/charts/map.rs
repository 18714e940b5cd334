//! Who shares with whom: owners on the left, consumers on the right.

use std::collections::{BTreeMap, BTreeSet};

use super::{WIDTH, length};
use crate::model::counted;
use crate::page::drawing::{Drawing, Form, Shape, cut};
use crate::page::texts::Texts;

/// Accounts of a side at most.
const MOST: usize = 24;
const ROW: f64 = 34.0;
const LEFT: f64 = 240.0;
const RIGHT: f64 = 700.0;

/// What one account shares with one consumer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShareLine {
    pub(crate) resources: u64,
    pub(crate) used: u64,
    pub(crate) refused: u64,
    /// Some of it has not ended.
    pub(crate) is_live: bool,
}

/// The picture; `None`: nothing is shared.
pub(crate) fn map(lines: &BTreeMap<(String, String), ShareLine>, texts: &Texts) -> Option<Drawing> {
    if lines.is_empty() {
        return None;
    }
    let side = |names: BTreeSet<&String>| -> BTreeMap<String, f64> {
        names
            .into_iter()
            .take(MOST)
            .enumerate()
            .map(|(n, name)| (name.clone(), 40.0 + length(n as u64) * ROW))
            .collect()
    };
    let owners = side(lines.keys().map(|(owner, _)| owner).collect());
    let consumers = side(lines.keys().map(|(_, consumer)| consumer).collect());
    let mut shapes = vec![
        Shape::text(LEFT - 8.0, 16.0, "end", "axis", texts.map_owner),
        Shape::text(RIGHT + 8.0, 16.0, "start", "axis", texts.map_consumer),
    ];
    for ((owner, consumer), line) in lines {
        let (Some(y1), Some(y2)) = (owners.get(owner), consumers.get(consumer)) else { continue };
        let class = match (line.used, line.is_live) {
            (0, true) => "share unused",
            (0, false) => "share ended",
            (_, true) => "share used",
            (_, false) => "share used ended",
        };
        let tip = format!(
            "{owner} → {consumer}: {}, {}, {}",
            counted(line.resources, "resource"),
            counted(line.used, "use"),
            counted(line.refused, "refusal")
        );
        let form = Form::Line { x1: LEFT, y1: *y1, x2: RIGHT, y2: *y2 };
        shapes.push(Shape::new(form, class).tip(tip));
    }
    for (names, x, anchor, shift) in [(&owners, LEFT, "end", -10.0), (&consumers, RIGHT, "start", 10.0)] {
        for (name, y) in names {
            shapes.push(Shape::new(Form::Dot { x, y: *y, radius: 5.0 }, "node"));
            shapes.push(Shape::text(x + shift, y + 4.0, anchor, "label", cut(name, 34)).tip(name.clone()));
        }
    }
    let accounts = |names: BTreeSet<&String>| names.len();
    let is_cut = accounts(lines.keys().map(|(owner, _)| owner).collect()) > MOST
        || accounts(lines.keys().map(|(_, consumer)| consumer).collect()) > MOST;
    let title = if is_cut { format!("{} ({})", texts.map, texts.map_cut) } else { texts.map.to_owned() };
    Some(Drawing {
        id: "map".to_owned(),
        title,
        description: texts.map_description.to_owned(),
        width: WIDTH,
        height: 40.0 + ROW * length(owners.len().max(consumers.len()) as u64),
        shapes,
        legend: vec![
            ("share used".to_owned(), texts.map_used.to_owned()),
            ("share unused".to_owned(), texts.map_unused.to_owned()),
            ("share ended".to_owned(), texts.map_ended.to_owned()),
        ],
        query: String::new(),
    })
}
