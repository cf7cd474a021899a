//! A first look at an expression, before anything recursive touches it: where its texts and brackets
//! are.
//!
//! It holds the two bounds that keep the parser's stack small, size and bracket depth, and finds the
//! mistakes that a parser explains badly: a bracket or a quote that is not closed, `=`, `&`, `and`.

use std::ops::Range;

use super::{MAX_BRACKETS, MAX_BYTES, Problem};

/// Where the brackets of an expression stand, texts and comments left out.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Position and byte of each bracket.
    pub(super) brackets: Vec<(usize, u8)>,
}

/// The end of the text that begins with a quote at `at`; none if it is not closed. A text in single
/// quotes ends on its line.
fn end_of_text(text: &[u8], at: usize, raw: bool) -> Option<usize> {
    let quote = text[at];
    let triple = text[at..].starts_with(&[quote; 3]);
    let close: &[u8] = if triple { &[quote; 3] } else { &[quote] };
    let mut i = at + close.len();
    while i < text.len() {
        if text[i..].starts_with(close) {
            return Some(i + close.len());
        }
        match text[i] {
            b'\\' if !raw => i += 2,
            b'\n' if !triple => return None,
            _ => i += 1,
        }
    }
    None
}

/// The piece of the text at a place: a text with its quotes, a comment, a word, or one other byte.
enum Piece {
    Text(Range<usize>),
    Open(usize),
    Word(Range<usize>),
    Comment(usize),
    Other,
}

fn piece(text: &[u8], at: usize) -> Piece {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    let quoted = |start: usize, quote: usize, raw: bool| match end_of_text(text, quote, raw) {
        Some(end) => Piece::Text(start..end),
        None => Piece::Open(quote),
    };
    match text[at] {
        b'"' | b'\'' => quoted(at, at, false),
        b'/' if text[at..].starts_with(b"//") => {
            let length = text[at..].iter().position(|b| *b == b'\n');
            Piece::Comment(length.map_or(text.len(), |length| at + length))
        }
        first if is_word(&first) => {
            let end = text[at..].iter().position(|b| !is_word(b)).map_or(text.len(), |n| at + n);
            let is_prefix = text[at..end].iter().all(|b| b"rRbB".contains(b));
            if is_prefix && matches!(text.get(end), Some(b'"' | b'\'')) {
                let raw = text[at..end].iter().any(|b| b"rR".contains(b));
                return quoted(at, end, raw);
            }
            Piece::Word(at..end)
        }
        _ => Piece::Other,
    }
}

/// The end of the expression that begins at `start` of a template, where its `}` stands. None if
/// there is no such `}`.
pub fn end_in_template(template: &str, start: usize) -> Option<usize> {
    let text = template.as_bytes();
    let (mut at, mut open) = (start, 0_usize);
    while at < text.len() {
        match piece(text, at) {
            Piece::Text(range) | Piece::Word(range) => at = range.end,
            Piece::Comment(end) => at = end,
            Piece::Open(_) => return template[start..].find('}').map(|found| start + found),
            Piece::Other => {
                match text[at] {
                    b'}' if open == 0 => return Some(at),
                    b'{' => open += 1,
                    b'}' => open -= 1,
                    _ => {}
                }
                at += 1;
            }
        }
    }
    None
}

/// Looks an expression over.
pub(super) fn scan(source: &str) -> Result<Scan, Problem> {
    let text = source.as_bytes();
    if source.trim().is_empty() {
        let help = "write what must hold, like `execution.retryAttempt >= 3`";
        return Err(Problem::new(0..source.len(), "the expression is empty", help));
    }
    if text.len() > MAX_BYTES {
        let message = format!("the expression has {} bytes; at most {MAX_BYTES}", text.len());
        let help = "split it: several conditions, or `variables`";
        return Err(Problem::new(0..source.len(), message, help));
    }
    let mut scan = Scan::default();
    let mut open: Vec<(usize, u8)> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match piece(text, at) {
            Piece::Text(range) => at = range.end,
            Piece::Comment(end) => at = end,
            Piece::Open(quote) => {
                let end = source[quote..].find('\n').map_or(source.len(), |n| quote + n);
                let help = "close it with the same quote";
                return Err(Problem::new(quote..end, "a text that is not closed", help));
            }
            Piece::Word(range) => {
                if let Some(sign) = sign_of(&source[range.clone()]) {
                    let message = format!("`{}` is no operator", &source[range.clone()]);
                    return Err(Problem::new(range, message, format!("write `{sign}`")));
                }
                at = range.end;
            }
            Piece::Other => {
                other(source, at, &mut open, &mut scan)?;
                at += 1;
            }
        }
    }
    match open.first() {
        None => Ok(scan),
        Some((at, bracket)) => {
            let message = format!("`{}` is not closed", char::from(*bracket));
            let help = format!("close it with `{}`", char::from(closing(*bracket)));
            Err(Problem::new(*at..*at + 1, message, help))
        }
    }
}

/// The sign for a word that other languages have for it.
fn sign_of(word: &str) -> Option<&'static str> {
    match word {
        "and" | "AND" => Some("&&"),
        "or" | "OR" => Some("||"),
        "not" | "NOT" => Some("!"),
        _ => None,
    }
}

fn closing(bracket: u8) -> u8 {
    match bracket {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

fn other(
    source: &str,
    at: usize,
    open: &mut Vec<(usize, u8)>,
    scan: &mut Scan,
) -> Result<(), Problem> {
    let text = source.as_bytes();
    let before = at.checked_sub(1).map(|i| text[i]);
    let after = text.get(at + 1).copied();
    match text[at] {
        bracket @ (b'(' | b'[' | b'{') => {
            open.push((at, bracket));
            scan.brackets.push((at, bracket));
            if open.len() > MAX_BRACKETS {
                let message = format!("more than {MAX_BRACKETS} brackets inside each other");
                let help = "split it: several conditions, or `variables`";
                return Err(Problem::new(at..at + 1, message, help));
            }
        }
        bracket @ (b')' | b']' | b'}') => {
            scan.brackets.push((at, bracket));
            let fits = open.pop().is_some_and(|(_, opened)| closing(opened) == bracket);
            if !fits {
                let message = format!("`{}` closes nothing", char::from(bracket));
                let help = "remove it, or open it before";
                return Err(Problem::new(at..at + 1, message, help));
            }
        }
        b'=' if after != Some(b'=') && !matches!(before, Some(b'=' | b'!' | b'<' | b'>')) => {
            let help = "write `==` to compare";
            return Err(Problem::new(at..at + 1, "`=` is no operator", help));
        }
        sign @ (b'&' | b'|') if after != Some(sign) && before != Some(sign) => {
            let sign = char::from(sign);
            let message = format!("`{sign}` is no operator");
            return Err(Problem::new(at..at + 1, message, format!("write `{sign}{sign}`")));
        }
        _ => {}
    }
    Ok(())
}
