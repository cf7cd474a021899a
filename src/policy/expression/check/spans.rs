//! Where a part of an expression is written.
//!
//! The parser keeps one token of each node: the sign of an operator, the bracket of a call. Those of a
//! whole subtree are united, and brackets that the union opens or closes are taken in.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr, operators};

use super::super::parse::children;
use super::Checker;

impl Checker<'_> {
    /// The bytes of one node's token.
    pub(super) fn token(&self, part: &IdedExpr) -> Option<Range<usize>> {
        let (start, stop) = self.info.offset_for(part.id)?;
        let (start, stop) = (usize::try_from(start).ok()?, usize::try_from(stop).ok()?);
        // The parser gives the last byte, and for the end of the text one before its first.
        let end = (stop + 1).min(self.source.len());
        self.source.get(start..end.max(start)).map(|_| start..end.max(start))
    }

    /// The name before the bracket of a call.
    pub(super) fn name_of_call(&self, part: &IdedExpr, name: &str) -> Range<usize> {
        let bracket = self.token(part).map_or(0, |token| token.start);
        let before = self.source[..bracket].trim_end();
        if before.ends_with(name) {
            before.len() - name.len()..before.len()
        } else {
            self.span(part)
        }
    }

    /// The bytes of a part with all that is in it.
    pub(super) fn span(&self, part: &IdedExpr) -> Range<usize> {
        let (mut start, mut end) = (self.source.len(), 0);
        let mut open = vec![part];
        while let Some(node) = open.pop() {
            if let Some(token) = self.token(node) {
                start = start.min(token.start);
                end = end.max(token.end);
                match &node.expr {
                    Expr::Select(select) => {
                        let rest = &self.source[token.end..];
                        if let Some(found) = rest.find(&select.field) {
                            end = end.max(token.end + found + select.field.len());
                        }
                    }
                    // The name is the second argument, and has the token of the point.
                    Expr::Call(call) if call.func_name == operators::OPT_SELECT => {
                        let rest = &self.source[token.end..];
                        let name = rest.trim_start_matches(|c: char| c == '?' || c.is_whitespace());
                        let is_end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                        let length = name.find(is_end).unwrap_or(name.len());
                        end = end.max(token.end + rest.len() - name.len() + length);
                    }
                    Expr::Call(call) => {
                        let before = self.source[..token.start].trim_end();
                        if before.ends_with(&call.func_name) {
                            start = start.min(before.len() - call.func_name.len());
                        }
                    }
                    _ => {}
                }
            }
            open.extend(children(node));
        }
        self.balanced(start.min(end)..end)
    }

    /// The range with the brackets that it opens and does not close, and the other way round.
    fn balanced(&self, range: Range<usize>) -> Range<usize> {
        let Range { start, end } = range;
        let opens = |bracket: u8| b"([{".contains(&bracket);
        let (mut depth, mut lacking) = (0_usize, 0_usize);
        for (_, bracket) in self.scan.brackets.iter().filter(|(at, _)| (start..end).contains(at)) {
            if opens(*bracket) {
                depth += 1;
            } else if depth > 0 {
                depth -= 1;
            } else {
                lacking += 1;
            }
        }
        // What is in a pair of brackets has its tokens in the range, so that the nearest ones are its own.
        let brackets = &self.scan.brackets;
        let behind = brackets.iter().filter(|(at, bracket)| *at >= end && !opens(*bracket));
        let before = brackets.iter().rev().filter(|(at, bracket)| *at < start && opens(*bracket));
        let close = behind.take(depth).last().map_or(end, |(at, _)| at + 1);
        let open = before.take(lacking).last().map_or(start, |(at, _)| *at);
        open..close
    }
}
