//! Markdown for pull requests and job summaries.
//!
//! What comes from AWS, from a device or from a file is text in it and nothing else: it can neither open
//! a tag or a link, nor mention anybody, nor end its cell. The whole stays under what GitHub takes.

use crate::document::words::visible;

/// GitHub takes 65536 characters in a comment.
pub const MOST: usize = 60_000;

/// Text as a cell of a table: everything that Markdown, HTML or GitHub would act on is written as an
/// entity.
pub fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '\n' | '\r' => cell.push(' '),
            c if c.is_alphanumeric() || " -.,:()".contains(c) || !c.is_ascii() => cell.push(c),
            c => cell.push_str(&format!("&#{};", u32::from(c))),
        }
    }
    // A bare address would become a link, and `#1` a reference.
    cell.replace("://", "&#58;//").replace("www.", "www&#46;")
}

/// A table, as many rows of it as fit into `room` bytes; says how many are left out.
pub fn table(heading: &[&str], rows: &[Vec<String>], room: usize) -> (String, usize) {
    let mut text = format!("| {} |\n|{}\n", heading.join(" | "), "---|".repeat(heading.len()));
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<_> = row.iter().map(|text| cell(text)).collect();
        let line = format!("| {} |\n", cells.join(" | "));
        if text.len() + line.len() > room {
            return (text, rows.len() - index);
        }
        text.push_str(&line);
    }
    (text, 0)
}

/// A table that is folded under its title, with a word on what is left out.
pub fn folded(title: &str, heading: &[&str], rows: &[Vec<String>], room: usize) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let (table, left) = table(heading, rows, room.saturating_sub(200));
    let more = if left > 0 { format!("\n{left} more are not shown.\n") } else { String::new() };
    format!("\n<details><summary>{title}</summary>\n\n{table}{more}\n</details>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_text() {
        for text in [
            "<img src=x onerror=alert(1)>",
            "| a | b |",
            "[x](https://evil.example)",
            "@everyone `code` **bold** _it_ ~s~ #1",
            "https://evil.example",
            "a\nb\u{202e}\u{1b}[2J",
        ] {
            let cell = cell(text);
            for bad in ["<", ">", "|", "[", "]", "@", "`", "*", "_", "~", "://", "\n", "\u{1b}"] {
                assert!(!cell.contains(bad), "{text:?} became {cell:?}");
            }
        }
        assert_eq!(cell("robot-001 (v1.2)"), "robot-001 (v1.2)");
    }

    #[test]
    fn a_table_ends_where_there_is_no_room() {
        let rows: Vec<_> = (0..100).map(|n| vec![format!("row {n}")]).collect();
        let (text, left) = table(&["A"], &rows, 200);
        assert!(text.len() <= 200 && left > 0, "{text}");
        assert_eq!(text.lines().count() - 2 + left, 100);
        assert_eq!(table(&["A"], &rows, MOST).1, 0);
    }
}
