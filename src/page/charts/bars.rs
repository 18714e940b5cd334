//! Calls over time, one bar for each day, week, month or year, in pieces by workload.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike as _, NaiveDate, Weekday};

use super::{WIDTH, day_text, length};
use crate::model::number;
use crate::page::drawing::{Drawing, Form, Shape, cut};
use crate::page::texts::Texts;
use crate::report::Kept;

const LEFT: f64 = 64.0;
const TOP: f64 = 10.0;
const HEIGHT: f64 = 150.0;
/// Workloads with a colour of their own. The others share one.
const COLORS: usize = 8;

/// Days from the Monday of its week to the first day of 1970.
const BEFORE_MONDAY: i32 = 3;

/// What one bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Day,
    Week,
    Month,
    Year,
}

impl Step {
    /// The shortest with which a time from one day to another takes at most so many bars, about.
    fn of(first: i32, last: i32, most: i32) -> Self {
        match last - first {
            days if days < most => Self::Day,
            days if days / 7 < most && days < 400 => Self::Week,
            days if days / 28 < most => Self::Month,
            _ => Self::Year,
        }
    }

    fn start(self, day: i32) -> i32 {
        let Some(date) = NaiveDate::from_epoch_days(day) else { return day };
        let start = match self {
            Self::Day => Some(date),
            Self::Week => Some(date.week(Weekday::Mon).first_day()),
            Self::Month => date.with_day(1),
            Self::Year => NaiveDate::from_ymd_opt(date.year(), 1, 1),
        };
        start.map_or(day, |date| date.to_epoch_days())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// A bar's place, counted in steps.
    fn place(self, start: i32) -> i32 {
        let date = NaiveDate::from_epoch_days(start).unwrap_or_default();
        match self {
            Self::Day => start,
            Self::Week => (start + BEFORE_MONDAY).div_euclid(7),
            Self::Month => date.year() * 12 + date.month0().cast_signed(),
            Self::Year => date.year(),
        }
    }
}

/// Calls by day and workload.
#[derive(Debug, Default)]
pub(crate) struct Bars(BTreeMap<(i32, String), u64>);

impl Bars {
    pub(crate) fn add(&mut self, day: i32, workload: &str, events: u64, kept: &Kept) {
        *self.0.entry((day, workload.to_owned())).or_insert_with(|| kept.made(workload.len())) += events;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The picture, of at most so many bars, about. `condition` is the part of the query that says
    /// which rows it is of.
    pub(crate) fn draw(
        &self,
        id: &str,
        title: String,
        condition: Option<&str>,
        most: i32,
        colors: &BTreeSet<String>,
        texts: &Texts,
    ) -> Drawing {
        let days = || self.0.keys().map(|(day, _)| *day);
        let (first, last) = (days().min().unwrap_or_default(), days().max().unwrap_or_default());
        let step = Step::of(first, last, most);
        let mut bars: BTreeMap<(i32, &str), u64> = BTreeMap::new();
        for ((day, workload), events) in &self.0 {
            *bars.entry((step.start(*day), workload)).or_default() += events;
        }
        let mut heights: BTreeMap<i32, u64> = BTreeMap::new();
        bars.iter().for_each(|((start, _), events)| *heights.entry(*start).or_default() += events);
        let highest = heights.values().copied().max().unwrap_or_default().max(1);
        let origin = step.place(step.start(first));
        let count = step.place(step.start(last)) - origin + 1;
        let width = (WIDTH - LEFT - 10.0) / f64::from(count.max(12));

        let mut shapes = Vec::new();
        for (part, y) in [(0, TOP + HEIGHT), (1, TOP + HEIGHT / 2.0), (2, TOP)] {
            shapes.push(Shape::new(Form::Line { x1: LEFT, y1: y, x2: WIDTH - 10.0, y2: y }, "grid"));
            let value = highest * part;
            if value.is_multiple_of(2) {
                shapes.push(Shape::text(LEFT - 6.0, y + 4.0, "end", "axis", number(value / 2)));
            }
        }
        let mut tops: BTreeMap<i32, f64> = BTreeMap::new();
        for ((start, workload), events) in &bars {
            let height = length(*events) / length(highest) * HEIGHT;
            let top = tops.entry(*start).or_insert(TOP + HEIGHT);
            *top -= height;
            let x = LEFT + f64::from(step.place(*start) - origin) * width;
            let form = Form::Box { x: x + width * 0.08, y: *top, width: width * 0.84, height };
            let day = day_text(*start);
            shapes.push(
                Shape::new(form, color(colors, workload))
                    .tip(format!("{day} {workload}: {}", number(*events)))
                    .row(format!("{day}|{workload}|{events}")),
            );
        }
        let labels = count.min(8);
        for n in 0..labels {
            let place = if labels < 2 { 0 } else { n * (count - 1) / (labels - 1) };
            let Some(label) = heights_label(step, origin + place) else { continue };
            let x = LEFT + (f64::from(place) + 0.5) * width;
            let anchor = if n == 0 {
                "start"
            } else if n + 1 == labels && labels > 1 {
                "end"
            } else {
                "middle"
            };
            let x = if n == 0 { LEFT } else { x };
            shapes.push(Shape::text(x, TOP + HEIGHT + 18.0, anchor, "axis", label));
        }
        let used: BTreeSet<&str> = bars.keys().map(|(_, workload)| *workload).collect();
        let legend = used.into_iter().map(|workload| (color(colors, workload), cut(workload, 60))).collect();
        let filter = condition.map_or_else(String::new, |condition| format!(" where {condition}"));
        let name = step.name();
        Drawing {
            id: id.to_owned(),
            title,
            description: texts.bars_description.to_owned(),
            width: WIDTH,
            height: TOP + HEIGHT + 26.0,
            shapes,
            legend,
            query: format!(
                "select date_trunc('{name}', day)::date::varchar as start, workload, sum(event_count)::bigint as events \
                 from 'usage_daily.parquet'{filter} group by all order by all"
            ),
        }
    }
}

/// The class of a workload's colour.
fn color(colors: &BTreeSet<String>, workload: &str) -> String {
    let place = colors.iter().position(|name| name == workload).unwrap_or(COLORS);
    format!("mark c{}", place.min(COLORS))
}

/// The text at a place of the axis.
fn heights_label(step: Step, place: i32) -> Option<String> {
    Some(match step {
        Step::Day => day_text(place),
        Step::Week => day_text(place * 7 - BEFORE_MONDAY),
        Step::Month => format!("{}-{:02}", place.div_euclid(12), place.rem_euclid(12) + 1),
        Step::Year => place.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_drawn_by_week_month_and_year() {
        assert_eq!(Step::of(0, 199, 200), Step::Day);
        assert_eq!(Step::of(0, 200, 200), Step::Week);
        assert_eq!(Step::of(0, 400, 200), Step::Month);
        assert_eq!(Step::of(0, 40_000, 200), Step::Year);
        assert_eq!(Step::of(0, 60, 40), Step::Week);
        assert_eq!(Step::of(0, 365, 40), Step::Month);
        for day in -10..10 {
            let monday = Step::Week.start(day);
            assert!((0..7).contains(&(day - monday)), "{day}");
            assert_eq!(heights_label(Step::Week, Step::Week.place(monday)), Some(day_text(monday)));
        }
        assert_eq!(day_text(Step::Week.start(4)), "1970-01-05");
        assert_eq!(day_text(Step::Month.start(45)), "1970-02-01");
        assert_eq!(heights_label(Step::Month, Step::Month.place(31)).as_deref(), Some("1970-02"));
    }
}
