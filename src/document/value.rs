//! A document's slice becomes a value, once, by a reader that is not the one that positioned it.
//!
//! Two independent readers have to agree on the text. Where they do not, one of them (or the
//! reviewer's) would see another policy than the one that runs.

use std::ops::Range;

use serde_json::Value;

use super::tree::Tree;

/// Where, and in whose words, the readers disagree.
pub(super) type Disagreement = (Range<usize>, String);

/// Reads one document, of which `slice` are the bytes.
pub(super) fn read(text: &str, slice: Range<usize>, tree: &Tree) -> Result<Value, Disagreement> {
    let root = tree.nodes.first().map_or(slice.start..slice.start, |root| root.span.clone());
    let text = &text[slice.clone()];
    let value: Value = serde_yaml::from_str(text).map_err(|error| {
        // The reader counts characters, and from the start of the slice.
        let found = error.location().and_then(|found| text.char_indices().nth(found.index()));
        let span = found.map_or(root, |(at, c)| slice.start + at..slice.start + at + c.len_utf8());
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        (span, format!("one YAML reader takes this document and another refuses it: {words}"))
    })?;
    match tree.differs(&value) {
        None => Ok(value),
        Some(span) => Err((span, "two YAML readers see different values here".to_owned())),
    }
}
