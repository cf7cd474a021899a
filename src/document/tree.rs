//! The shape of a document with the positions of all its keys and values.
//!
//! It is built by the event pass, and asked twice: whether the value that another reader made of the
//! same text is the same, and where a JSON pointer is.

use std::ops::Range;

use serde_json::Value;

use super::finding::{Finding, Part};
use super::source::Source;

/// An index into a tree.
pub(super) type NodeId = usize;

/// What a node is.
#[derive(Debug)]
pub(super) enum Content {
    /// A text, a number, a truth value or nothing.
    Scalar {
        /// Without quotes and escapes.
        text: String,
        /// Whether it was written without quotes, on the line.
        plain: bool,
    },
    /// A list.
    List(Vec<NodeId>),
    /// A map.
    Map(Vec<NodeId>),
}

/// A value with its positions, in bytes of the file.
#[derive(Debug)]
pub(super) struct Node {
    /// Its key, in a map.
    pub(super) key: Option<(String, Range<usize>)>,
    /// Its value.
    pub(super) span: Range<usize>,
    /// What it is.
    pub(super) content: Content,
}

/// One document's nodes; the first is its root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    /// The node at a JSON pointer, or the last one on the way that exists.
    fn find(&self, pointer: &str) -> Option<(&Node, bool)> {
        let mut node = self.nodes.first()?;
        for step in pointer.split('/').skip(1) {
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match &node.content {
                Content::Scalar { .. } => None,
                Content::List(items) => step.parse::<usize>().ok().and_then(|i| items.get(i)),
                Content::Map(entries) => {
                    let has_key = |id: &&NodeId| {
                        self.nodes[**id].key.as_ref().is_some_and(|(key, _)| *key == step)
                    };
                    entries.iter().find(has_key)
                }
            };
            match next {
                Some(id) => node = &self.nodes[*id],
                None => return Some((node, false)),
            }
        }
        Some((node, true))
    }

    /// The scalar at a JSON pointer, as it was written but for quotes and escapes.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        match self.find(pointer)? {
            (Node { content: Content::Scalar { text, .. }, .. }, true) => Some(text),
            _ => None,
        }
    }

    /// The bytes that a finding means.
    pub(super) fn span(&self, finding: &Finding, source: &Source<'_>) -> Range<usize> {
        let Some((node, found)) = self.find(&finding.pointer) else { return 0..0 };
        if let (Some(item), Content::List(items)) = (&finding.item, &node.content) {
            let is_meant = |node: &&Node| matches!(&node.content, Content::Scalar { text, .. } if text == item);
            if let Some(entry) = items.iter().map(|id| &self.nodes[*id]).find(is_meant) {
                return entry.span.clone();
            }
        }
        let key = node.key.as_ref().map(|(_, span)| span.clone());
        match (&node.content, finding.part) {
            (_, Part::Key) if found => key.unwrap_or_else(|| self.first_of(node)),
            (Content::Scalar { text, .. }, _) => {
                let inside = finding.within.as_ref().filter(|_| found);
                inside
                    .and_then(|within| inside_scalar(node, text, within, source.text()))
                    .unwrap_or_else(|| node.span.clone())
            }
            // Whole lists and maps are long: the key, or the first thing in them, stands for them.
            _ if source.line_number(node.span.start) == source.line_number(node.span.end) => {
                node.span.clone()
            }
            _ => key.unwrap_or_else(|| self.first_of(node)),
        }
    }

    fn first_of(&self, node: &Node) -> Range<usize> {
        match &node.content {
            Content::Scalar { .. } => node.span.clone(),
            Content::List(children) | Content::Map(children) => children.first().map_or_else(
                || node.span.clone(),
                |id| {
                    let child = &self.nodes[*id];
                    child.key.as_ref().map_or_else(|| self.first_of(child), |(_, s)| s.clone())
                },
            ),
        }
    }

    /// The first place at which a value that was read from the same text is another one.
    pub(super) fn differs(&self, value: &Value) -> Option<Range<usize>> {
        let mut open = vec![(0, value)];
        while let Some((id, value)) = open.pop() {
            let node = self.nodes.get(id)?;
            let same = match (&node.content, value) {
                (Content::Scalar { text, .. }, Value::String(read)) => text == read,
                (Content::Scalar { text, plain }, value) => *plain && stands_for(text, value),
                (Content::List(items), Value::Array(read)) => {
                    open.extend(items.iter().copied().zip(read));
                    items.len() == read.len()
                }
                (Content::Map(entries), Value::Object(read)) => {
                    let mut all = entries.len() == read.len();
                    for id in entries {
                        let key = self.nodes[*id].key.as_ref().map(|(key, _)| key);
                        match key.and_then(|key| read.get(key)) {
                            Some(value) => open.push((*id, value)),
                            None => all = false,
                        }
                    }
                    all
                }
                _ => false,
            };
            if !same {
                return Some(node.span.clone());
            }
        }
        None
    }
}

/// Whether a bare scalar can stand for a value that is not text. Which number it is, is not compared:
/// forms on which readers disagree were refused before.
fn stands_for(text: &str, value: &Value) -> bool {
    match value {
        Value::Null => matches!(text, "" | "~" | "null" | "Null" | "NULL"),
        Value::Bool(value) => text.eq_ignore_ascii_case(if *value { "true" } else { "false" }),
        Value::Number(_) => text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)),
        _ => false,
    }
}

/// The bytes of the file that hold a part of a scalar's text, on however many lines it was written.
fn inside_scalar(
    node: &Node,
    text: &str,
    within: &Range<usize>,
    source: &str,
) -> Option<Range<usize>> {
    let raw = source.get(node.span.clone())?;
    // A block or plain scalar may itself begin with a quote: which one it is shows when all of the text
    // is found again.
    let found = [None, Some('\''), Some('"')]
        .into_iter()
        .find_map(|quote| inside_raw(text, raw, within, quote))?;
    Some(node.span.start + found.start..node.span.start + found.end)
}

/// The same in what was written, if it was written with this quote. White space is not compared: lines
/// are indented and folded.
fn inside_raw(
    text: &str,
    raw: &str,
    within: &Range<usize>,
    quote: Option<char>,
) -> Option<Range<usize>> {
    let body = match quote {
        None => raw,
        Some(quote) => raw.strip_prefix(quote)?.strip_suffix(quote)?,
    };
    let escapes = quote == Some('"');
    let mut at = 0;
    let (mut start, mut end) = (None, None);
    for (i, c) in text.char_indices() {
        let rest = &body[at..];
        let is_escape = escapes && rest.starts_with('\\') && !rest.starts_with("\\\n");
        if c.is_whitespace() && !is_escape {
            let step = if rest.starts_with(c) && c != '\n' { c.len_utf8() } else { 0 };
            start = start.or((i == within.start).then_some(at));
            at += step;
        } else {
            at += blank(rest, escapes);
            let rest = &body[at..];
            let step = match quote {
                Some('"') if rest.starts_with('\\') => escape(rest),
                Some('\'') if c == '\'' => rest.starts_with("''").then_some(2)?,
                _ => rest.starts_with(c).then_some(c.len_utf8())?,
            };
            start = start.or((i == within.start).then_some(at));
            at += step;
        }
        end = end.or((i + c.len_utf8() == within.end).then_some(at));
    }
    if !body.get(at..)?.trim().is_empty() {
        return None;
    }
    let opened = quote.map_or(0, char::len_utf8);
    let start = start.unwrap_or(at);
    Some(opened + start..opened + end.unwrap_or(start).max(start))
}

/// How much of white space and line ends stands before the next character.
fn blank(text: &str, escapes: bool) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        match rest.strip_prefix("\\\n") {
            Some(next) if escapes => rest = next,
            _ => return text.len() - rest.len(),
        }
    }
}

/// The length of one character.
fn one(rest: &str) -> usize {
    rest.chars().next().map_or(0, char::len_utf8)
}

/// The length of one character or escape of a double-quoted scalar.
fn escape(rest: &str) -> usize {
    match rest.as_bytes() {
        [b'\\', b'x', ..] => 4,
        [b'\\', b'u', ..] => 6,
        [b'\\', b'U', ..] => 10,
        [b'\\', ..] => 1 + one(&rest[1..]),
        _ => one(rest),
    }
}
