//! Who shares with whom: owners on the left, consumers on the right.

use std::collections::{BTreeMap, BTreeSet};

use super::{WIDTH, length};
use crate::model::number;
use crate::page::drawing::{Drawing, Form, Shape, cut};
use crate::page::texts::Texts;

/// Accounts of a side at most.
const MOST: usize = 24;
const ROW: f64 = 34.0;
const LEFT: f64 = 240.0;
const RIGHT: f64 = 700.0;

/// What one account shares with one consumer: an owner, a consumer, and whether it has ended.
pub(crate) type Pair = (String, String, bool);

/// Shares of one pair.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ShareLine {
    pub(crate) shares: u64,
    pub(crate) used: u64,
    pub(crate) refused: u64,
}

/// How far the lines of one pair are from each other.
const APART: f64 = 4.0;

/// The picture; `None`: nothing is shared.
pub(crate) fn map(lines: &BTreeMap<Pair, ShareLine>, texts: &Texts) -> Option<Drawing> {
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
    let owners = side(lines.keys().map(|(owner, ..)| owner).collect());
    let consumers = side(lines.keys().map(|(_, consumer, _)| consumer).collect());
    let mut shapes = vec![
        Shape::text(LEFT - 8.0, 16.0, "end", "axis", texts.map_owner),
        Shape::text(RIGHT + 8.0, 16.0, "start", "axis", texts.map_consumer),
    ];
    for ((owner, consumer, has_ended), line) in lines {
        let (Some(y1), Some(y2)) = (owners.get(owner), consumers.get(consumer)) else { continue };
        let class = match (line.used, has_ended) {
            (0, false) => "share unused",
            (_, false) => "share used",
            (_, true) => "share ended",
        };
        let state = if *has_ended { texts.map_ended } else { texts.map_live };
        let tip = format!(
            "{owner} → {consumer} ({state}): {} {}, {} {}, {} {}",
            texts.shares,
            number(line.shares),
            texts.uses_head,
            number(line.used),
            texts.refused,
            number(line.refused)
        );
        // What has ended is below what has not: the two never cover each other.
        let has_other = lines.contains_key(&(owner.clone(), consumer.clone(), !has_ended));
        let shift = match (has_other, has_ended) {
            (false, _) => 0.0,
            (true, false) => -APART,
            (true, true) => APART,
        };
        let form = Form::Line { x1: LEFT, y1: y1 + shift, x2: RIGHT, y2: y2 + shift };
        shapes.push(Shape::new(form, class).tip(tip));
    }
    for (names, x, anchor, shift) in [(&owners, LEFT, "end", -10.0), (&consumers, RIGHT, "start", 10.0)] {
        for (name, y) in names {
            shapes.push(Shape::new(Form::Dot { x, y: *y, radius: 5.0 }, "node"));
            shapes.push(Shape::text(x + shift, y + 4.0, anchor, "label", cut(name, 34)).tip(name.clone()));
        }
    }
    let accounts = |names: BTreeSet<&String>| names.len();
    let is_cut = accounts(lines.keys().map(|(owner, ..)| owner).collect()) > MOST
        || accounts(lines.keys().map(|(_, consumer, _)| consumer).collect()) > MOST;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::texts::Language;

    #[test]
    fn what_has_ended_stands_beside_what_has_not() {
        let line = ShareLine { shares: 1, used: 2, refused: 0 };
        let pair = |consumer: &str, has_ended| ("1".to_owned(), consumer.to_owned(), has_ended);
        let lines = [pair("2", false), pair("2", true), pair("3", true)].map(|pair| (pair, line));
        let drawing = map(&lines.into_iter().collect(), Language::English.texts()).unwrap();
        let drawn: Vec<(&str, f64, f64)> = drawing
            .shapes
            .iter()
            .filter_map(|shape| match shape.form {
                Form::Line { y1, y2, .. } => Some((shape.class.as_str(), y1, y2)),
                _ => None,
            })
            .collect();
        let expected = [
            ("share used", 40.0 - APART, 40.0 - APART),
            ("share ended", 40.0 + APART, 40.0 + APART),
            ("share ended", 40.0, 40.0 + ROW),
        ];
        assert_eq!(drawn, expected);
        let tips: Vec<&str> = drawing.shapes.iter().filter_map(|shape| shape.tip.as_deref()).collect();
        assert!(tips[0].contains("(not ended)") && tips[1].contains("(ended)"), "{tips:?}");
    }
}
