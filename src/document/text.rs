//! What is refused before any YAML is read: bytes and characters that readers and reviewers see
//! differently.
//!
//! A file that fails here is not parsed at all, since nobody can say what it would mean.

use std::ops::Range;

use super::diagnostic::{Code, Diagnostic};
use super::limits::Limits;
use super::source::Source;
use super::words::{is_bidi, is_line_separator};

/// How often one code is reported for one file: the first few show the pattern.
const MOST: usize = 5;

/// What is wrong with a character, if it is refused wherever it stands.
pub(super) fn refused(c: char) -> Option<(Code, String, &'static str)> {
    let number = u32::from(c);
    if is_line_separator(c) {
        Some((
            Code::SyntaxLineSeparator,
            format!("the character U+{number:04X} ends a line for some readers and not for others"),
            "remove it, and end the line as usual",
        ))
    } else if is_bidi(c) {
        Some((
            Code::SyntaxBidi,
            format!("the character U+{number:04X} changes the direction of text"),
            "remove it: what a reviewer sees must be what is read",
        ))
    } else if c == '\u{FEFF}' {
        Some((
            Code::SyntaxBom,
            "a byte order mark (U+FEFF)".to_owned(),
            "save the file as UTF-8 without a byte order mark",
        ))
    } else if c == '\0' {
        Some((Code::SyntaxControl, "a NUL character".to_owned(), "remove it; is this a text file?"))
    } else if c.is_control() && !matches!(c, '\t' | '\n' | '\r') {
        Some((
            Code::SyntaxControl,
            format!("the control character U+{number:04X}"),
            "remove it; you may have pasted it from a terminal",
        ))
    } else {
        None
    }
}

/// Checks a file that is short enough and in UTF-8.
fn characters(source: &Source<'_>) -> Vec<Diagnostic> {
    let text = source.text();
    let mut found: Vec<Diagnostic> = Vec::new();
    let mut push = |code: Code, range: Range<usize>, message: &str, help: &str| {
        if found.iter().filter(|d| d.code == code).count() < MOST {
            found.push(Diagnostic::new(code, source.place(&range), message, Some(help)));
        }
    };
    // White space at the start of a line, as long as nothing else was seen on it.
    let mut indenting = true;
    for (i, c) in text.char_indices() {
        let range = i..i + c.len_utf8();
        match c {
            '\n' => {
                indenting = true;
                continue;
            }
            '\r' if !text[i + 1..].starts_with('\n') => push(
                Code::SyntaxCarriageReturn,
                range,
                "a carriage return that does not end a line",
                "end lines with a line feed, or with carriage return and line feed",
            ),
            '\t' if indenting => {
                push(
                    Code::SyntaxTab,
                    range,
                    "a tab in the indentation",
                    "indent with spaces: YAML does not count tabs",
                );
                indenting = false;
            }
            _ => {
                if let Some((code, message, help)) = refused(c) {
                    push(code, range, &message, help);
                }
            }
        }
        indenting &= c == ' ';
    }
    found
}

/// The name of an encoding whose marks or pattern of zeros a file begins with.
fn foreign_encoding(bytes: &[u8]) -> Option<&'static str> {
    if matches!(bytes, [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..]) {
        return Some("UTF-32");
    }
    if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        return Some("UTF-16");
    }
    let [a, b, c, d, ..] = bytes else { return None };
    match [*a == 0, *b == 0, *c == 0, *d == 0] {
        [true, true, true, false] | [false, true, true, true] => Some("UTF-32"),
        [true, false, true, false] | [false, true, false, true] => Some("UTF-16"),
        _ => None,
    }
}

/// Checks bytes and characters. Gives the text, unless something is wrong with it.
pub(super) fn check<'a>(
    path: &std::sync::Arc<str>,
    bytes: &'a [u8],
    limits: &Limits,
) -> Result<&'a str, Vec<Diagnostic>> {
    let refuse = |shown: &str, range: Range<usize>, code, message: &str, help: &str| {
        let place = Source::new(path.clone(), shown).place(&range);
        Err(vec![Diagnostic::new(code, place, message, Some(help))])
    };
    if bytes.len() > limits.bytes {
        let message = format!("{} bytes; at most {} are read", bytes.len(), limits.bytes);
        return refuse("", 0..0, Code::SyntaxTooLarge, &message, "split it into several files");
    }
    if let Some(encoding) = foreign_encoding(bytes) {
        let message = format!("the file is {encoding}");
        return refuse("", 0..0, Code::SyntaxUtf16, &message, "save it as UTF-8");
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let message = format!("the byte 0x{:02X} is not UTF-8", bytes[at]);
            let shown = String::from_utf8_lossy(bytes);
            let range = at..at + '\u{FFFD}'.len_utf8();
            return refuse(&shown, range, Code::SyntaxUtf8, &message, "save the file as UTF-8");
        }
    };
    let found = characters(&Source::new(path.clone(), text));
    if found.is_empty() { Ok(text) } else { Err(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(bytes: &[u8]) -> Vec<Code> {
        let checked = check(&"a.yaml".into(), bytes, &Limits::policies());
        checked.err().unwrap_or_default().iter().map(|d| d.code).collect()
    }

    #[test]
    fn ordinary_text_passes() {
        assert_eq!(codes("a: 1\r\nb: \"grün\"\tc # …\n".as_bytes()), []);
        assert_eq!(codes(b""), []);
    }

    #[test]
    fn each_trap_has_its_code() {
        for (bytes, code) in [
            (&b"\xFF\xFEa\0"[..], Code::SyntaxUtf16),
            (b"a\0:\0", Code::SyntaxUtf16),
            (b"a: \xE4\n", Code::SyntaxUtf8),
            (b"\xEF\xBB\xBFa: 1", Code::SyntaxBom),
            (b"a: \0\n", Code::SyntaxControl),
            (b"a: \x1b[1m\n", Code::SyntaxControl),
            (b"a: 1\rb: 2\n", Code::SyntaxCarriageReturn),
            ("# a\u{2028}b: 1\n".as_bytes(), Code::SyntaxLineSeparator),
            ("# a\u{85}b: 1\n".as_bytes(), Code::SyntaxLineSeparator),
            ("a: \u{202e}\n".as_bytes(), Code::SyntaxBidi),
            (b"a:\n  \tb: 1\n", Code::SyntaxTab),
        ] {
            assert_eq!(codes(bytes), [code], "{bytes:?}");
        }
    }

    #[test]
    fn one_code_is_not_repeated_without_end() {
        assert_eq!(codes("\ta: 1\n".repeat(100).as_bytes()).len(), MOST);
    }
}
