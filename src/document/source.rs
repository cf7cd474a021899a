//! One file's text, and the way from bytes in it to lines, columns and excerpts.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::Place;
use super::words::push_visible;

/// How much of a long line is shown on either side of what is meant.
const AROUND: usize = 100;

/// A file's text with the starts of its lines. Offsets are bytes.
#[derive(Debug)]
pub(super) struct Source<'a> {
    path: Arc<str>,
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    /// Finds the lines.
    pub(super) fn new(path: Arc<str>, text: &'a str) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Self { path, text, lines: std::iter::once(0).chain(starts).collect() }
    }

    /// The text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The path, as it is shown.
    pub(super) fn path(&self) -> &Arc<str> {
        &self.path
    }

    /// The greatest character boundary that is not behind `offset`.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The index of the line with a byte, from 0.
    fn line_of(&self, offset: usize) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The line on which a byte stands, from 1.
    pub(super) fn line_number(&self, offset: usize) -> usize {
        self.line_of(offset) + 1
    }

    /// The start of the line on which a byte stands.
    pub(super) fn line_start(&self, offset: usize) -> usize {
        self.lines[self.line_of(offset)]
    }

    /// A line without its end.
    fn line(&self, index: usize) -> Range<usize> {
        let start = self.lines[index];
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| next - 1);
        let end = if self.text[start..end].ends_with('\r') { end - 1 } else { end };
        start..end
    }

    fn column(&self, line: &Range<usize>, offset: usize) -> usize {
        self.text[line.start..offset.clamp(line.start, line.end)].chars().count() + 1
    }

    /// Where a range of bytes is, for people. White space and line ends behind it do not count.
    pub(super) fn place(&self, range: &Range<usize>) -> Place {
        let start = self.boundary(range.start);
        let end = self.boundary(range.end).max(start);
        let end = start + self.text[start..end].trim_end().len();
        let line = self.line_of(start);
        let end_line = self.line_of(end);
        let bounds = self.line(line);
        let (excerpt, mark) = self.excerpt(&bounds, start, end);
        Place {
            path: Arc::clone(&self.path),
            line: line + 1,
            column: self.column(&bounds, start),
            end_line: end_line + 1,
            end_column: self.column(&self.line(end_line), end),
            excerpt,
            mark,
        }
    }

    /// The line, safe to show and cut when it is long, and which of its bytes are meant.
    fn excerpt(&self, line: &Range<usize>, start: usize, end: usize) -> (String, Range<usize>) {
        let start = start.min(line.end);
        let end = end.clamp(start, line.end);
        let before = self.text[line.start..start].char_indices().rev();
        let from = before.take(AROUND).last().map_or(start, |(i, _)| line.start + i);
        let after = self.text[start..line.end].char_indices();
        let to = after.take(AROUND + 1).last().map_or(start, |(i, c)| start + i + c.len_utf8());
        let mut shown = String::new();
        if from > line.start {
            shown.push('…');
        }
        let mut mark = 0..0;
        for (i, c) in self.text[from..to].char_indices() {
            if from + i == start {
                mark.start = shown.len();
            }
            push_visible(&mut shown, c);
            if from + i < end {
                mark.end = shown.len();
            }
        }
        if start == to {
            mark.start = shown.len();
        }
        mark.end = mark.end.max(mark.start);
        if to < line.end {
            shown.push('…');
        }
        (shown, mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, range: Range<usize>) -> Place {
        Source::new("a.yaml".into(), text).place(&range)
    }

    #[test]
    fn columns_count_characters_from_one() {
        let found = place("ä: 1\nbö: x\n", 9..11);
        assert_eq!((found.line, found.column), (2, 3));
        assert_eq!(found.excerpt, "bö: x");
    }

    #[test]
    fn a_range_over_several_lines_is_marked_on_its_first() {
        let found = place("a:\n  b: 1\n  c: 2\n", 5..17);
        assert_eq!((found.line, found.end_line, found.end_column), (2, 3, 7));
        assert_eq!(&found.excerpt[found.mark], "b: 1");
    }

    #[test]
    fn the_end_of_the_file_is_a_place() {
        let found = place("a: [", 4..4);
        assert_eq!((found.line, found.column), (1, 5));
        assert_eq!(found.mark, 4..4);
        assert_eq!(place("", 0..0).excerpt, "");
        assert_eq!(place("a\n", 2..2).line, 2);
    }

    #[test]
    fn long_lines_are_cut_and_control_characters_escaped() {
        let text = format!("{}\u{1b}X{}", "a".repeat(500), "b".repeat(500));
        let found = place(&text, 501..502);
        assert!(found.excerpt.chars().count() < 220, "{}", found.excerpt);
        assert_eq!(&found.excerpt[found.mark], "X");
        assert!(found.excerpt.contains("\\u{1b}"));
    }
}
