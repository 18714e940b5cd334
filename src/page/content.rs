//! What the page is made of: sections of blocks.

use super::budget::Budget;
use super::drawing::Drawing;
use super::table::Table;
use super::texts::Texts;
use crate::model::number;

/// A section.
pub(super) struct Section {
    /// Its place in the page.
    pub(super) id: String,
    pub(super) title: String,
    /// Begins a page on paper.
    pub(super) breaks: bool,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    pub(super) fn new(id: &str, title: &str) -> Self {
        Self { id: id.to_owned(), title: title.to_owned(), breaks: false, blocks: Vec::new() }
    }

    pub(super) fn add(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds a picture, or says that there is no room for it.
    pub(super) fn add_drawing(&mut self, drawing: Option<Drawing>, budget: &mut Budget, texts: &Texts) {
        let Some(drawing) = drawing else { return };
        if budget.part(usize::MAX).take(drawing.bytes()) {
            self.add(Block::Drawing(Box::new(drawing)));
        } else {
            self.text(format!("{}: {}", drawing.title, texts.no_room_for_picture));
        }
    }

    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.add(Block::Text(text.into()));
    }
}

/// A part of a section.
pub(super) enum Block {
    Text(String),
    Heading(String),
    /// The head of a key's part.
    Key(Box<KeyHead>),
    Counters(Vec<Counter>),
    /// A list of words with their values.
    Facts(Vec<(String, String)>),
    Items(Vec<Item>),
    Drawing(Box<Drawing>),
    Table(Box<Table>),
    /// The sheet to sign: the lines to fill in.
    Sheet(Vec<String>),
}

/// The head of a key's part.
pub(super) struct KeyHead {
    /// The id at the end of the ARN.
    pub(super) name: String,
    pub(super) arn: String,
    /// Its alias, if there is one that means no other key.
    pub(super) alias: Option<String>,
}

/// An item of a list.
pub(super) struct Item {
    pub(super) text: String,
    /// Details below it, as the report has them: in English, or names and numbers.
    pub(super) details: Vec<String>,
    pub(super) link: Option<String>,
}

/// A number that stands for itself.
pub(super) struct Counter {
    pub(super) label: String,
    pub(super) value: u64,
    /// The query that gives it; empty: there is none.
    pub(super) query: String,
    /// The section that it is about.
    pub(super) link: &'static str,
    /// The text that the section's table is filtered by.
    pub(super) filter: String,
    /// How it looks.
    pub(super) class: &'static str,
}

impl Counter {
    pub(super) fn shown(&self) -> String {
        number(self.value)
    }
}
