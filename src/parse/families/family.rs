//! What a family of records is.

use crate::model::{EventTime, Fact, Provenance, Text};
use crate::parse::error::NoFacts;
use crate::parse::record::Record;

/// Records of some services, and how facts are found in them.
#[derive(Debug)]
pub(crate) struct Family {
    /// The `eventSource` of the records.
    pub(crate) sources: &'static [&'static str],
    /// Every record of the family that contains facts contains one of these.
    pub(crate) needles: &'static [&'static str],
    /// The words of which [`Interest::IfItContains`] names some.
    pub(crate) words: &'static [Word],
    /// The texts of which it names all or none.
    pub(crate) texts: &'static [&'static str],
    /// Which calls may contain facts, by their API name.
    pub(crate) interest: fn(&str) -> Interest,
    /// The facts of a call.
    pub(crate) facts: fn(Call<'_>) -> Result<Vec<Fact<'static>>, NoFacts>,
}

/// Whether calls of a name may contain facts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interest {
    /// They contain none.
    Never,
    /// Only if the record contains one of these words, or of these texts as they are.
    IfItContains { words: &'static [Word], texts: &'static [&'static str] },
    /// They may.
    Always,
}

/// A word that is looked for in any case, in the bytes of a record.
#[derive(Debug)]
pub(crate) struct Word {
    /// In lower case.
    pub(crate) text: &'static str,
    /// Where its four letters begin that are rare in records. They are searched for first.
    pub(crate) part: usize,
}

/// A call whose record has been read.
pub(crate) struct Call<'a> {
    pub(crate) source: Text<'a>,
    pub(crate) name: Text<'a>,
    pub(crate) time: EventTime,
    pub(crate) head: Record<'a>,
    /// The whole record.
    pub(crate) text: &'a str,
}

impl Call<'_> {
    /// Whether the call failed.
    pub(super) fn is_failed(&self) -> bool {
        self.head.error_code.0.is_some() || self.head.error_message.0.is_some()
    }

    /// Where its facts come from.
    pub(super) fn provenance(&self) -> Provenance {
        let own = |text: &Option<Text<'_>>| text.as_deref().map(str::to_owned);
        Provenance {
            time: self.time,
            event_name: self.name.clone().into_owned(),
            event_id: own(&self.head.event_id),
            account_id: own(&self.head.recipient_account_id).or_else(|| own(&self.head.identity.account_id)),
        }
    }
}

/// A text that no longer borrows from the record.
pub(super) fn owned(text: &str) -> Text<'static> {
    Text::Owned(text.to_owned())
}
