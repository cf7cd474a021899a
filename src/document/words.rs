//! The words of messages: near names, lists, and text that is safe to show.
//!
//! What a file says goes into messages only through [`visible`], so that it can neither move a
//! terminal's cursor nor turn the direction of the text around it.

/// Whether a character turns the direction of text.
pub(crate) fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character ends a line for some readers and not for others.
pub(crate) fn is_line_separator(c: char) -> bool {
    matches!(c, '\u{0085}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character must not reach a terminal as it is.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() || is_bidi(c) || is_line_separator(c) || c == '\u{FEFF}'
}

/// The text with every character that a terminal would act on written as an escape.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        push_visible(&mut shown, c);
    }
    shown
}

/// Adds one character as [`visible`] shows it.
pub(crate) fn push_visible(shown: &mut String, c: char) {
    if is_unsafe(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
}

/// A value as JSON that a terminal can show.
pub(crate) fn json_text(value: &impl serde::Serialize) -> std::io::Result<String> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::other)?;
    Ok(safe_json(&text).into_owned())
}

/// The same for JSON, which stays JSON: outside of its strings it has no such character but the line ends
/// of its layout.
pub(crate) fn safe_json(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) && c != '\n') {
        return std::borrow::Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) && c != '\n' {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    std::borrow::Cow::Owned(safe)
}

/// The text in backticks, cut when it is long.
pub(crate) fn quoted(text: &str) -> String {
    const MAX: usize = 60;
    match text.char_indices().nth(MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// "`a`", "`a` or `b`", "`a`, `b` or `c`".
pub(crate) fn any_of<T: AsRef<str>>(names: &[T]) -> String {
    listed(names, " or ")
}

/// "`a`", "`a` and `b`", "`a`, `b` and `c`".
pub(crate) fn all_of<T: AsRef<str>>(names: &[T]) -> String {
    listed(names, " and ")
}

fn listed<T: AsRef<str>>(names: &[T], last: &str) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name.as_ref())).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{}{last}{end}", rest.join(", ")),
    }
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The name that was most likely meant: the same but for case and separators, or a few letters away.
pub(crate) fn nearest<'a>(
    written: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // Distances over longer texts cost time and say nothing.
    if written.chars().count() > 64 {
        return None;
    }
    let written = folded(written);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &folded(name)), name))
        .filter(|(distance, name)| *distance <= (name.chars().count() / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// Whether two names are the same but for one letter, case or separators.
pub(crate) fn is_close(written: &str, name: &str) -> bool {
    written.len() <= 64 && strsim::damerau_levenshtein(&folded(written), &folded(name)) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(visible("a\u{1b}[2Jb\u{202e}c\u{85}"), "a\\u{1b}[2Jb\\u{202e}c\\u{85}");
        assert_eq!(visible("grün…"), "grün…");
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["olderThan", "youngerThan", "since"];
        assert_eq!(nearest("older_than", names), Some("olderThan"));
        assert_eq!(nearest("oldrThan", names), Some("olderThan"));
        assert_eq!(nearest("force", names), None);
    }

    #[test]
    fn lists_read_like_sentences() {
        assert_eq!(any_of(&["a"]), "`a`");
        assert_eq!(any_of(&["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(all_of(&["a", "b"]), "`a` and `b`");
    }
}
