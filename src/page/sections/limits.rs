//! What the numbers cannot prove.

use serde_json::Value;

use crate::page::content::{Block, Item, Section};
use crate::page::source::{Source, field};

pub(crate) fn limits(source: &Source<'_>) -> Option<Section> {
    let t = source.texts;
    let caveats = source.list(&["caveats"]);
    if caveats.is_empty() {
        return None;
    }
    let mut section = Section::new("limits", t.limits);
    section.text(t.limits_intro);
    let item = |caveat: &Value| Item { text: field(caveat, "text"), details: Vec::new(), link: None };
    section.add(Block::Items(caveats.iter().take(100).map(item).collect()));
    Some(section)
}
