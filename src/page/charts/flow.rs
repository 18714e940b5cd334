//! Workloads → principals → keys, as bands whose width is the number of calls.

use std::collections::BTreeMap;

use super::{WIDTH, length};
use crate::model::number;
use crate::page::drawing::{Drawing, Form, Shape, band, cut};
use crate::page::texts::Texts;

/// Boxes in a column at most. The others share one.
const BOXES: usize = 12;
const HEIGHT: f64 = 420.0;
const BOX: f64 = 12.0;
const GAP: f64 = 10.0;
/// Where the columns begin.
const COLUMNS: [f64; 3] = [165.0, 440.0, 720.0];

/// Calls of one workload, principal and key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) workload: String,
    pub(crate) principal: String,
    pub(crate) key: String,
}

/// Calls by workload, principal and key.
#[derive(Debug, Default)]
pub(crate) struct Flow(BTreeMap<Link, u64>);

/// The boxes of a column: names and counts, the largest first.
type Column = Vec<(String, u64)>;

impl Flow {
    pub(crate) fn add(&mut self, link: Link, events: u64) {
        *self.0.entry(link).or_default() += events;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The largest names of a column; the rest under one name.
    fn column(&self, name: impl Fn(&Link) -> &str, others: &str) -> Column {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        self.0.iter().for_each(|(link, events)| *counts.entry(name(link)).or_default() += events);
        let mut counts: Vec<(String, u64)> =
            counts.into_iter().map(|(name, n)| (name.to_owned(), n)).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let rest: u64 = counts.iter().skip(BOXES).map(|(_, n)| n).sum();
        counts.truncate(BOXES);
        if rest > 0 {
            counts.push((others.to_owned(), rest));
        }
        counts
    }

    /// The picture. `links` gives the place of a key in the page.
    pub(crate) fn draw(&self, texts: &Texts, links: &BTreeMap<String, String>) -> Drawing {
        let others = texts.flow_others;
        let columns = [
            self.column(|link| &link.workload, others),
            self.column(|link| &link.principal, others),
            self.column(|link| &link.key, others),
        ];
        let total: u64 = self.0.values().sum();
        let most = columns.iter().map(Vec::len).max().unwrap_or(1);
        let gaps = GAP * length(most.saturating_sub(1) as u64);
        let scale = (HEIGHT - gaps).max(60.0) / length(total.max(1));
        let mut shapes = Vec::new();
        let places: Vec<BTreeMap<&str, f64>> = columns.iter().map(|column| place(column, scale)).collect();
        for (first, second, name) in [
            (0, 1, (|link| (&link.workload, &link.principal)) as fn(&Link) -> (&String, &String)),
            (1, 2, |link| (&link.principal, &link.key)),
        ] {
            let known = |column: usize, name: &String| -> String {
                if columns[column].iter().any(|(known, _)| known == name) {
                    name.clone()
                } else {
                    others.to_owned()
                }
            };
            let mut bands: BTreeMap<(String, String), u64> = BTreeMap::new();
            for (link, events) in &self.0 {
                let (from, to) = name(link);
                *bands.entry((known(first, from), known(second, to))).or_default() += events;
            }
            let (mut left, mut right) = (places[first].clone(), places[second].clone());
            // From the top down, so that bands do not cross without need.
            let order = |name: &str, column: usize| places[column].get(name).copied().unwrap_or_default();
            let mut bands: Vec<_> = bands.into_iter().collect();
            bands.sort_by(|a, b| {
                let key = |((from, to), _): &((String, String), u64)| (order(from, first), order(to, second));
                key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
            });
            for ((from, to), events) in bands {
                let height = length(events) * scale;
                let y1 = left.get_mut(from.as_str()).map_or(0.0, |y| take(y, height));
                let y2 = right.get_mut(to.as_str()).map_or(0.0, |y| take(y, height));
                let data = band(COLUMNS[first] + BOX, y1, COLUMNS[second], y2, height.max(0.8));
                let tip = format!("{from} → {to}: {}", number(events));
                shapes.push(Shape::new(Form::Path { data }, "band").tip(tip));
            }
        }
        for (n, column) in columns.iter().enumerate() {
            for (name, events) in column {
                let y = places[n].get(name.as_str()).copied().unwrap_or_default();
                let height = length(*events) * scale;
                let form = Form::Box { x: COLUMNS[n], y, width: BOX, height };
                let tip = format!("{name}: {}", number(*events));
                shapes.push(Shape::new(form, "node").tip(tip.clone()));
                let (x, anchor) =
                    if n == 0 { (COLUMNS[n] - 6.0, "end") } else { (COLUMNS[n] + BOX + 6.0, "start") };
                let link = links.get(name).map(|place| format!("#{place}"));
                let words = Shape::text(x, y + height / 2.0 + 4.0, anchor, "label", shown(name, n));
                shapes.push(words.tip(tip).link(link));
            }
        }
        Drawing {
            id: "flow".to_owned(),
            title: texts.flow.to_owned(),
            description: texts.flow_description.to_owned(),
            width: WIDTH,
            height: HEIGHT + 20.0,
            shapes,
            legend: Vec::new(),
            query: String::new(),
        }
    }
}

/// The upper edge of each box of a column.
fn place(column: &Column, scale: f64) -> BTreeMap<&str, f64> {
    let mut y = 10.0;
    let mut places = BTreeMap::new();
    for (name, events) in column {
        places.insert(name.as_str(), y);
        y += length(*events) * scale + GAP;
    }
    places
}

/// Takes a piece of a box from above; returns where it begins.
fn take(y: &mut f64, height: f64) -> f64 {
    let start = *y;
    *y += height;
    start
}

/// The end of a long name, which tells names apart.
fn shown(name: &str, column: usize) -> String {
    let end = match column {
        0 => return cut(name, 25),
        1 => name.rsplit_once('/').map_or(name, |(_, end)| end),
        _ => name.rsplit_once("key/").map_or(name, |(_, end)| end),
    };
    cut(end, 36)
}
