//! The time that a report covers, compared with that of the report which an incremental run
//! replaces: no events disappear in silence.

use serde_json::Value;

use super::error::CliError;
use keytrail::engine::Selection;
use keytrail::model::EventTime;

const DAY_MS: i64 = 86_400_000;

/// What the report that will be replaced covers.
struct Covered {
    since: Option<EventTime>,
    until: Option<EventTime>,
    /// When the run started that wrote it.
    started: EventTime,
    /// The first and the last KMS event of its input, selected or not.
    events: Option<(EventTime, EventTime)>,
}

/// Compares the time that is asked for with that of the report at `place`, whose `run.json` is
/// given. Returns what the user must know: a window that moves on leaves events behind.
///
/// # Errors
/// When the new report would cover less.
pub(super) fn compare(
    run_json: &[u8],
    selection: &Selection,
    now: EventTime,
    place: &str,
) -> Result<Option<String>, CliError> {
    // What cannot be read is no complete report, and nobody relies on it.
    let Some(old) = Covered::read(run_json) else { return Ok(None) };
    let Some((first, last)) = old.events else { return Ok(None) };
    let refuse = |lost: &str, option: &str, time: EventTime| {
        CliError::Usage(format!(
            "with {option} {}, the report in {place} would lose the events {lost}; leave {option} as it \
             was, name another place with -o, or use --force to replace the report and read all \
             archives again",
            time.to_rfc3339()
        ))
    };
    let last = old.until.map_or(last, |until| last.min(EventTime(until.0 - 1)));
    if let Some(until) = selection.until
        && until <= last
    {
        return Err(refuse(&format!("up to {}", last.to_rfc3339()), "--until", until));
    }
    let first = old.since.map_or(first, |since| since.max(first));
    let Some(since) = selection.since.filter(|since| *since > first) else { return Ok(None) };
    let length = |since: EventTime, until: Option<EventTime>, now: EventTime| {
        until.map_or(now, |until| until.min(now)).0 - since.0
    };
    let is_rolling = old.since.is_some_and(|old_since| {
        // Scheduled runs do not start at the same second, and days of a time zone differ in length.
        length(since, selection.until, now) >= length(old_since, old.until, old.started) - DAY_MS
    });
    let first = first.to_rfc3339();
    if !is_rolling {
        return Err(refuse(&format!("from {first} on"), "--since", since));
    }
    let since = since.to_rfc3339();
    Ok(Some(format!(
        "now since {since}: events from {first} on, which were in the last report, are not in it"
    )))
}

impl Covered {
    fn read(run_json: &[u8]) -> Option<Self> {
        let run: Value = serde_json::from_slice(run_json).ok()?;
        let time = |value: &Value| value.as_str().and_then(EventTime::parse);
        let scopes = run["coverage"]["scopes"].as_array()?.iter();
        let of_scopes: Vec<(EventTime, EventTime)> = scopes
            .filter_map(|scope| Some((time(&scope["first_event_time"])?, time(&scope["last_event_time"])?)))
            .collect();
        let first = of_scopes.iter().map(|(first, _)| *first).min();
        let last = of_scopes.iter().map(|(_, last)| *last).max();
        Some(Self {
            since: time(&run["options"]["since"]),
            until: time(&run["options"]["until"]),
            started: time(&run["started"])?,
            events: first.zip(last),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn time(text: &str) -> EventTime {
        EventTime::parse(&format!("2026-{text}T00:00:00Z")).unwrap()
    }

    /// `ok`, `rolls` or `refused`, for a report of 25 November with events from 1 October on, and a
    /// run a day later.
    fn outcome(old: [Option<&str>; 2], new: [Option<&str>; 2]) -> &'static str {
        let text = |text: Option<&str>| text.map(|text| time(text).to_rfc3339());
        let run_json = json!({
            "started": time("11-25").to_rfc3339(),
            "options": {"since": text(old[0]), "until": text(old[1])},
            "coverage": {"scopes": [
                {"first_event_time": time("10-01").to_rfc3339(), "last_event_time": time("11-20").to_rfc3339()},
                {"first_event_time": time("10-03").to_rfc3339(), "last_event_time": time("11-24").to_rfc3339()},
                {"first_event_time": null, "last_event_time": null},
            ]},
        });
        let [since, until] = new.map(|text| text.map(time));
        let selection = Selection { since, until, ..Selection::default() };
        match compare(run_json.to_string().as_bytes(), &selection, time("11-26"), "report") {
            Ok(None) => "ok",
            Ok(Some(_)) => "rolls",
            Err(_) => "refused",
        }
    }

    #[test]
    fn no_events_disappear_in_silence() {
        for (old, new, expected) in [
            ([None, None], [None, None], "ok"),
            // Nothing is there before it.
            ([None, None], [Some("10-01"), None], "ok"),
            ([None, None], [Some("10-02"), None], "refused"),
            ([None, None], [None, Some("11-25")], "ok"),
            ([None, None], [None, Some("11-24")], "refused"),
            // The same window, a wider one.
            ([Some("11-01"), Some("12-01")], [Some("11-01"), Some("12-01")], "ok"),
            ([Some("11-01"), Some("12-01")], [Some("10-01"), None], "ok"),
            ([Some("11-01"), Some("11-10")], [Some("11-01"), Some("11-20")], "ok"),
            ([Some("11-01"), Some("11-10")], [Some("11-01"), Some("11-09")], "refused"),
            // 22 days became 5.
            ([Some("11-03"), None], [Some("11-20"), None], "refused"),
            // The last 30 days, every night; a shorter one from now on; the next month.
            ([Some("10-26"), None], [Some("10-27"), None], "rolls"),
            ([Some("10-26"), None], [Some("10-28"), None], "rolls"),
            ([Some("10-26"), None], [Some("10-29"), None], "refused"),
            ([Some("11-01"), Some("12-01")], [Some("12-01"), Some("12-31")], "refused"),
        ] {
            assert_eq!(outcome(old, new), expected, "{old:?} {new:?}");
        }
        let selection = Selection { since: Some(time("11-01")), ..Selection::default() };
        for run_json in ["", "{}", r#"{"started":"2026-11-25T00:00:00Z","coverage":{"scopes":[]}}"#] {
            assert!(matches!(compare(run_json.as_bytes(), &selection, time("11-26"), "r"), Ok(None)));
        }
    }
}
