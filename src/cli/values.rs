//! Types of option values.

use std::net::IpAddr;
use std::time::Duration;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use ipnet::IpNet;
use keytrail::aggregate::GrantState;
use keytrail::audit::{FindingSeverity, PolicyStatus};
use keytrail::base::MemoryBudget;
use keytrail::model::Outcome;
use keytrail::report::{OutputFormat, SHARING_QUESTIONS};

/// The parser of `--format`. The report room has the list of formats.
pub(super) fn output_format() -> impl TypedValueParser<Value = OutputFormat> {
    let value = |format: OutputFormat| PossibleValue::new(format.as_str()).help(format.about());
    PossibleValuesParser::new(OutputFormat::ALL.map(value)).try_map(|name| {
        let format = OutputFormat::ALL.into_iter().find(|format| format.as_str() == name);
        format.ok_or("an unknown format")
    })
}

/// `--format` of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FindingsFormat {
    /// As other tables.
    Rows(OutputFormat),
    /// One JSON list.
    Json,
    /// SARIF 2.1.0.
    Sarif,
}

/// The parser of `--format` of findings.
pub(super) fn findings_format() -> impl TypedValueParser<Value = FindingsFormat> {
    let value = |format: OutputFormat| PossibleValue::new(format.as_str()).help(format.about());
    let others = [
        PossibleValue::new("json").help("One JSON list of objects"),
        PossibleValue::new("sarif").help("SARIF 2.1.0, for tools that collect findings"),
    ];
    PossibleValuesParser::new(OutputFormat::ALL.map(value).into_iter().chain(others)).try_map(|name| {
        let rows = || OutputFormat::ALL.into_iter().find(|format| format.as_str() == name);
        match &*name {
            "json" => Ok(FindingsFormat::Json),
            "sarif" => Ok(FindingsFormat::Sarif),
            _ => rows().map(FindingsFormat::Rows).ok_or("an unknown format"),
        }
    })
}

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SummaryForm {
    /// Text for people
    Text,
    /// The content of run.json
    Json,
    /// Markdown for a ticket, as `keytrail export --format md` writes it
    Md,
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// Text for people
    Text,
    /// One JSON object per line
    Json,
}

/// `--trust`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TrustedRecords {
    /// Those of all archives
    All,
    /// Those of archives that digests verify
    Verified,
}

impl TrustedRecords {
    /// The name, as in `run.json`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Verified => "verified",
        }
    }
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FailOn {
    /// Records or stretches of archives that could not be read
    Rejects,
    /// Archives that could not be opened or read
    Unreadable,
    /// Days inside --since and --until without an archive, in an account and Region that has
    /// archives before and after
    Gaps,
    /// Events with the same eventID but different content
    Conflicts,
    /// Events that a correction has replaced
    Corrected,
    /// Files that are not CloudTrail archives; digest files do not count
    Skipped,
    /// Inputs in which there is no archive: an empty directory, or a folder in S3 without objects
    Empty,
    /// Digests or log files that are invalid or missing, and log files in no digest of their hour
    Integrity,
    /// Open findings of this severity, or worse
    Findings(FindingSeverity),
}

impl FailOn {
    const ALL: [Self; 13] = [
        Self::Rejects,
        Self::Unreadable,
        Self::Gaps,
        Self::Conflicts,
        Self::Corrected,
        Self::Skipped,
        Self::Empty,
        Self::Integrity,
        Self::Findings(FindingSeverity::Low),
        Self::Findings(FindingSeverity::Critical),
        Self::Findings(FindingSeverity::High),
        Self::Findings(FindingSeverity::Medium),
        Self::Findings(FindingSeverity::Info),
    ];

    /// Its name on the command line, in messages and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Rejects => "rejects",
            Self::Unreadable => "unreadable",
            Self::Gaps => "gaps",
            Self::Conflicts => "conflicts",
            Self::Corrected => "corrected",
            Self::Skipped => "skipped",
            Self::Empty => "empty",
            Self::Integrity => "integrity",
            Self::Findings(FindingSeverity::Critical) => "findings:critical",
            Self::Findings(FindingSeverity::High) => "findings:high",
            Self::Findings(FindingSeverity::Medium) => "findings:medium",
            Self::Findings(FindingSeverity::Info) => "findings:info",
            Self::Findings(_) => "findings",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::Rejects => "Records or stretches of archives that could not be read",
            Self::Unreadable => "Archives that could not be opened or read",
            Self::Gaps => {
                "Days inside --since and --until without an archive, in an account and Region that has \
                 archives before and after"
            }
            Self::Conflicts => "Events with the same eventID but different content",
            Self::Corrected => "Events that a correction has replaced",
            Self::Skipped => "Files that are not CloudTrail archives; digest files do not count",
            Self::Empty => {
                "Inputs in which there is no archive: an empty directory, or a folder in S3 without objects"
            }
            Self::Integrity => {
                "Digests or log files that are invalid or missing, and log files in no digest of their hour"
            }
            Self::Findings(FindingSeverity::Critical) => "Open findings that are critical",
            Self::Findings(FindingSeverity::High) => "Open findings that are high or worse",
            Self::Findings(FindingSeverity::Medium) => "Open findings that are medium or worse",
            Self::Findings(FindingSeverity::Info) => "Any open finding",
            Self::Findings(_) => "Open findings that are low or worse",
        }
    }
}

impl ValueEnum for FailOn {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.as_str()).help(self.about()))
    }
}

/// The names of severities.
pub(super) fn severities() -> impl TypedValueParser<Value = FindingSeverity> {
    PossibleValuesParser::new(FindingSeverity::ALL.map(FindingSeverity::as_str))
        .try_map(|name| FindingSeverity::from_name(&name).ok_or("an unknown severity"))
}

/// Reads numbers with `w`, `d`, `h`, `m` or `s`, the larger units first: `12h`, `30d`, `1h30m`.
pub(super) fn parse_duration(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "write a number and s, m, h, d or w, such as 36h, 2d or 1h30m".to_owned())
}

fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(char, u64); 5] =
        [('w', 604_800_000), ('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1000)];
    let (mut rest, mut millis) = (text.trim(), 0_u64);
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).filter(|end| *end > 0)?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        // Each unit once, and none after a smaller one.
        let (_, unit_ms) = units.find(|(name, _)| *name == unit)?;
        millis = number.checked_mul(*unit_ms)?.checked_add(millis)?;
        rest = rest[end + unit.len_utf8()..].trim_start();
    }
    let is_given = !text.trim().is_empty() && i64::try_from(millis).is_ok();
    is_given.then(|| Duration::from_millis(millis))
}

/// Reads a number of bytes, or one followed by `KiB`, `MiB` or `GiB`; at least 64 MiB.
pub(super) fn parse_memory(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (digits, shift) = units
        .iter()
        .find_map(|(unit, shift)| text.strip_suffix(unit).map(|digits| (digits, *shift)))
        .unwrap_or((text, 0));
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let bytes = digits.parse::<u64>().ok().filter(|_| is_number).and_then(|n| n.checked_mul(1 << shift));
    match bytes {
        None => Err("write a number and KiB, MiB or GiB, such as 256MiB or 2GiB".to_owned()),
        Some(bytes) if bytes < MemoryBudget::LEAST => Err("a run needs at least 64MiB".to_owned()),
        Some(bytes) => Ok(bytes),
    }
}

/// The value of `--outcome` for every outcome but success.
pub(super) const FAILED: &str = "failed";

/// The values of `--outcome`.
pub(super) fn outcomes() -> impl Iterator<Item = &'static str> {
    Outcome::ALL.into_iter().map(Outcome::as_str).chain([FAILED])
}

/// A value of `--source-ip`.
#[derive(Debug, Clone)]
pub(super) enum SourceIp {
    /// A network, or one address.
    Network(IpNet),
    /// A pattern on the text, which may be a service.
    Text(String),
}

/// Reads a value of `--limit`.
pub(super) fn row_count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write how many events to print, from the first one on: 20".to_owned())
}

/// Reads an address, a network, or a pattern of what else may stand for an address.
pub(super) fn source_ip(text: &str) -> Result<SourceIp, String> {
    let text = text.trim();
    if let Ok(network) = text.parse::<IpNet>() {
        return Ok(SourceIp::Network(network.trunc()));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SourceIp::Network(address.to_canonical().into()));
    }
    let is_address_like = text.contains('/') || text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    match is_address_like {
        true => {
            Err("write an address, a network such as 10.0.0.0/8, or a pattern of a service's name".to_owned())
        }
        false => Ok(SourceIp::Text(text.to_owned())),
    }
}

/// The statuses of what is compared with a key policy.
pub(super) fn policy_states() -> [&'static str; 10] {
    PolicyStatus::ALL.map(PolicyStatus::as_str)
}

/// The states of grants.
pub(super) fn states() -> [&'static str; 6] {
    GrantState::ALL.map(GrantState::as_str)
}

/// The questions of `keytrail sharing`.
pub(super) fn questions() -> [&'static str; 6] {
    SHARING_QUESTIONS.map(|(name, _)| name)
}

/// A duration in the milliseconds of event times, at most `i64::MAX`.
pub(super) fn as_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_a_number_and_a_unit() {
        assert_eq!(parse_memory("64MiB"), Ok(64 << 20));
        assert_eq!(parse_memory("2GiB"), Ok(2 << 30));
        assert_eq!(parse_memory("100000KiB"), Ok(102_400_000));
        assert_eq!(parse_memory("536870912"), Ok(512 << 20));
        for bad in ["", "MiB", "-1GiB", "+1GiB", "1.5GiB", "1GB", "99999999999GiB", "1MiB", "0"] {
            assert!(parse_memory(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_duration_is_numbers_with_units() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_duration("36h"), Ok(Duration::from_secs(36 * 3600)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        assert_eq!(parse_duration("1d12h"), Ok(Duration::from_secs(36 * 3600)));
        for bad in
            ["", "d", "-1d", "+1d", "1y", "1", "1.5h", "é", "1h1h", "1m1h", "1h30", "99999999999999999999s"]
        {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
