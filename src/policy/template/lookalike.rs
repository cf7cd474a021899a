//! Text that looks like something to fill in: `{{ thing.name }}`, `$thing.name`, `{thing.name}`.
//!
//! It is sent as it stands, which nobody who writes it means: these are how other tools have it.

use std::ops::Range;

use crate::document::words::quoted;
use crate::policy::expression::{Field, Problem, Scope};

/// Whether an expression could name it.
fn is_name(word: &str, scope: &Scope) -> bool {
    let below = |path: &str| {
        word.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let variable = |name: &str| word.strip_prefix("variables.") == Some(name);
    Field::ALL.iter().any(|field| below(field.path()))
        || scope.texts.keys().any(|path| below(path))
        || below("policy.labels")
        || scope.variables.iter().any(|it| variable(&it.name))
}

/// Adds what looks like something to fill in among some bytes of a template, none of which is filled in.
pub(super) fn find(text: &str, among: Range<usize>, scope: &Scope, found: &mut Vec<Problem>) {
    let part = &text[among.clone()];
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let mut at = 0;
    while let Some(start) = part[at..].find(inner).map(|start| at + start) {
        let end = part[start..].find(|c| !inner(c)).map_or(part.len(), |length| start + length);
        at = end;
        let word = part[start..end].trim_end_matches('.');
        let before = part[..start].trim_end_matches(' ');
        let begin = before.trim_end_matches(['{', '(', '$']).len();
        let signs = &before[begin..];
        let touches = before.len() == start;
        let is_sign = signs.contains('{') || signs.contains('$') && touches;
        if !is_sign || !is_name(word, scope) {
            continue;
        }
        let end = start + word.len();
        let behind = part[end..].trim_start_matches(' ');
        let closed = behind.trim_start_matches(['}', ')']);
        let end = if closed.len() < behind.len() { part.len() - closed.len() } else { end };
        found.push(Problem::new(
            among.start + begin..among.start + end,
            format!("{} is no template: it is sent as it stands", quoted(&part[begin..end])),
            format!("write `${{{word}}}`, which is filled in"),
        ));
    }
}
