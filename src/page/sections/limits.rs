//! What the numbers cannot prove.

use serde_json::Value;

use crate::audit::japanese_caveat;
use crate::page::content::{Block, Item, Section};
use crate::page::source::{Source, field};
use crate::page::texts::Language;

pub(crate) fn limits(source: &Source<'_>) -> Option<Section> {
    let t = source.texts;
    let caveats = source.list(&["caveats"]);
    if caveats.is_empty() {
        return None;
    }
    let mut section = Section::new("limits", t.limits);
    section.text(t.limits_intro);
    section.add(Block::Items(caveats.iter().take(100).map(|caveat| item(caveat, source)).collect()));
    Some(section)
}

fn item(caveat: &Value, source: &Source<'_>) -> Item {
    let english = field(caveat, "text");
    let (text, details) = match source.language {
        Language::English => (english, Vec::new()),
        Language::Japanese => match japanese_caveat(&field(caveat, "id"), &english) {
            None => (field(caveat, "id"), vec![english]),
            Some((text, value)) => match value.map(|value| (value, number_of(value))) {
                None => (text.to_owned(), Vec::new()),
                Some((_, Some(number))) => (text.replacen("{}", number, 1), Vec::new()),
                Some((list, None)) => {
                    (text.replacen("{}", source.texts.below_list, 1), vec![list.to_owned()])
                }
            },
        },
    };
    Item { text, details, link: None }
}

/// The number of `12`, and of `12 calls`.
fn number_of(value: &str) -> Option<&str> {
    let number = value.split(' ').next()?;
    let is_number = number.starts_with(|c: char| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == ',')
        && value.split(' ').count() <= 2;
    is_number.then_some(number)
}
