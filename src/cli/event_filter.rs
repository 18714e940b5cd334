//! Which of the selected events a command shows.

use std::net::IpAddr;

use super::error::CliError;
use super::event_args::EventFilterOptions;
use super::inputs::patterns;
use super::plan::refuse_empty_items;
use super::values::{FAILED, SourceIp};
use keytrail::engine::Pattern;
use keytrail::report::{Cell, EVENTS, EncodedRow, column_position};

/// Which events to show: an event must fit each filter that is given.
pub(super) struct EventFilter {
    /// Column and what its text must match one of.
    columns: Vec<(usize, Vec<Pattern>)>,
    source_ips: Vec<(Option<ipnet::IpNet>, Option<Pattern>)>,
    outcomes: Vec<String>,
    /// In lower case.
    texts: Vec<String>,
}

const SOURCE_IP: usize = column_position(EVENTS, "source_ip");
const OUTCOME: usize = column_position(EVENTS, "outcome");

impl EventFilter {
    pub(super) fn new(options: &EventFilterOptions) -> Result<Self, CliError> {
        refuse_empty_items(&[
            ("--access-key", &options.access_key),
            ("--session", &options.session),
            ("--error", &options.error),
            ("--vpce", &options.vpce),
            ("--grep", &options.grep),
        ])?;
        let lists = [
            (column_position(EVENTS, "access_key_id"), &options.access_key),
            (column_position(EVENTS, "session_name"), &options.session),
            (column_position(EVENTS, "error_code"), &options.error),
            (column_position(EVENTS, "vpc_endpoint_id"), &options.vpce),
        ];
        let mut columns = Vec::new();
        for (column, list) in lists {
            if !list.is_empty() {
                columns.push((column, patterns(list)?));
            }
        }
        let source_ip = |wanted: &SourceIp| match wanted {
            SourceIp::Network(network) => Ok((Some(*network), None)),
            SourceIp::Text(text) => Ok((None, patterns(std::slice::from_ref(text))?.pop())),
        };
        Ok(Self {
            columns,
            source_ips: options.source_ip.iter().map(source_ip).collect::<Result<_, CliError>>()?,
            outcomes: options.outcome.clone(),
            texts: options.grep.iter().map(|text| text.to_lowercase()).collect(),
        })
    }

    /// Whether to show an event, a row of `EVENTS`.
    pub(super) fn wants(&self, row: EncodedRow<'_>) -> bool {
        let fits = |(column, patterns): &(usize, Vec<Pattern>)| {
            row.text_at(*column).is_some_and(|text| patterns.iter().any(|pattern| pattern.matches(text)))
        };
        self.columns.iter().all(fits)
            && (self.source_ips.is_empty() || row.text_at(SOURCE_IP).is_some_and(|ip| self.wants_ip(ip)))
            && (self.outcomes.is_empty() || row.text_at(OUTCOME).is_some_and(|text| self.wants_outcome(text)))
            && self.texts.iter().all(|text| has_text(row, text))
    }

    fn wants_ip(&self, text: &str) -> bool {
        let address = text.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.source_ips.iter().any(|(network, pattern)| {
            let is_inside = network.zip(address).is_some_and(|(network, address)| network.contains(&address));
            is_inside || pattern.as_ref().is_some_and(|pattern| pattern.matches(text))
        })
    }

    fn wants_outcome(&self, outcome: &str) -> bool {
        self.outcomes.iter().any(|wanted| wanted == outcome || wanted == FAILED && outcome != "success")
    }
}

/// Whether a text, in lower case, is in a column.
fn has_text(row: EncodedRow<'_>, wanted: &str) -> bool {
    row.cells().any(|cell| match cell {
        Cell::Text(text) => text.to_lowercase().contains(wanted),
        Cell::Time(time) => time.to_rfc3339().to_lowercase().contains(wanted),
        Cell::Bool(value) => value.to_string().contains(wanted),
        Cell::Int(n) => n.to_string().contains(wanted),
        Cell::Null | Cell::Date(_) => false, // events have no dates
    })
}
