//! Templates of statusDetails values: text with `${CEL}`, and the map that a cancel sends.
//!
//! What is between the braces gives a string. A value that came from a device or a thing is never
//! looked at again: what is filled in is data, whatever it looks like.

use std::ops::Range;
use std::sync::Arc;

use crate::execution::StatusDetails;
use crate::plan::Details;
use crate::policy::OnExisting;
use crate::policy::expression::{
    Expression, Facts, Findings, Outcome, Problem, Scope, Value, Wanted, end_in_template,
};

mod lookalike;

/// One template, read.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub enum Part {
    /// Text as it stands.
    Text(String),
    /// What fills in; gives a string.
    Expression(Arc<Expression>),
}

/// The key of the pair that says who canceled.
pub const MARKER: &str = "rescind";
/// AWS's limit: pairs in statusDetails.
pub const MAX_PAIRS: usize = 10;
/// AWS's limit: characters of a value.
pub const MAX_VALUE: usize = 1024;
/// AWS's limit: characters of a key.
pub const MAX_KEY: usize = 128;

/// What is wrong with a template.
#[derive(Debug, Default)]
pub struct TemplateFindings {
    /// With the text around the expressions. The bytes are those of the template.
    pub text: Vec<Problem>,
    /// With the expressions. The bytes are those of the template.
    pub expressions: Findings,
    /// What looks like something to fill in, and is text. The bytes are those of the template.
    pub lookalikes: Vec<Problem>,
}

impl TemplateFindings {
    fn wrong(
        &mut self,
        at: Range<usize>,
        message: impl Into<String>,
        help: &str,
    ) -> Option<Template> {
        self.text.push(Problem::new(at, message, help));
        None
    }
}

impl Template {
    /// Reads a template. `$${` stands for `${` as text. None if anything is an error.
    pub fn parse(text: &str, scope: &Scope, findings: &mut TemplateFindings) -> Option<Self> {
        if text.is_empty() {
            let help = "AWS takes values of 1 to 1024 characters: write one, or remove the key";
            return findings.wrong(0..0, "the value is empty", help);
        }
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
            let message =
                format!("AWS does not accept the character U+{:04X} in a value", u32::from(c));
            let help = "write it on one line, without it";
            return findings.wrong(at..at + c.len_utf8(), message, help);
        }
        let mut template = Self { parts: Vec::new() };
        let mut good = true;
        let mut at = 0;
        while let Some(found) = text[at..].find("${") {
            let open = at + found;
            lookalike::find(text, at..open, scope, &mut findings.lookalikes);
            // Only the dollar right before it escapes: `$$${` is a dollar and an escaped `${`.
            if text[at..open].ends_with('$') {
                template.text(&text[at..open - 1]);
                template.text("${");
                at = open + 2;
                continue;
            }
            template.text(&text[at..open]);
            let inside = open + 2;
            let Some(close) = end_in_template(text, inside) else {
                let help = "close it with `}`, or write `$${` for the text `${`";
                return findings.wrong(open..text.len(), "`${` without its `}`", help);
            };
            let written = &text[inside..close];
            if written.trim().is_empty() {
                let help = "write what fills it in, like `${job.id}`";
                return findings.wrong(open..close + 1, "`${}` names nothing", help);
            }
            let (errors, warnings) =
                (findings.expressions.errors.len(), findings.expressions.warnings.len());
            let expression =
                Expression::compile(written, Wanted::Text, scope, &mut findings.expressions);
            let Findings { errors: all, warnings: hints } = &mut findings.expressions;
            for problem in all[errors..].iter_mut().chain(&mut hints[warnings..]) {
                problem.at = problem.at.start + inside..problem.at.end + inside;
            }
            match expression {
                Some(expression) => template.parts.push(Part::Expression(Arc::new(expression))),
                None => good = false,
            }
            at = close + 1;
        }
        lookalike::find(text, at..text.len(), scope, &mut findings.lookalikes);
        template.text(&text[at..]);
        good.then_some(template)
    }

    fn text(&mut self, text: &str) {
        match self.parts.last_mut() {
            _ if text.is_empty() => {}
            Some(Part::Text(before)) => before.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    /// What fills in, each with the index of its part.
    pub fn expressions(&self) -> impl Iterator<Item = (usize, &Arc<Expression>)> {
        self.parts.iter().enumerate().filter_map(|(index, part)| match part {
            Part::Text(_) => None,
            Part::Expression(expression) => Some((index, expression)),
        })
    }

    /// Fills it in. The error is the index of the first part that has no value.
    pub fn fill(&self, facts: &dyn Facts) -> Result<String, usize> {
        let mut filled = String::new();
        for (index, part) in self.parts.iter().enumerate() {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Expression(expression) => match expression.run(facts) {
                    Outcome::Is(Value::Text(text)) => filled.push_str(&text),
                    _ => return Err(index),
                },
            }
        }
        Ok(filled)
    }
}

/// Whether AWS accepts a character in a value: it refuses what Unicode has under "other": control and
/// format characters, private and unassigned ones. Spaces of all kinds are not among them; the two that
/// end a line or a paragraph are refused here, since a document may not have them either.
pub fn is_allowed(c: char) -> bool {
    if c.is_whitespace() {
        return !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}');
    }
    // The standard library knows what is printable, but tells it only by escaping the rest. The letter
    // before it keeps combining marks, which are printable, from being escaped as well.
    let shown: String = ['a', c].iter().collect();
    !c.is_control() && !shown.escape_debug().to_string().contains("\\u{")
}

/// A value as AWS accepts it: at most [`MAX_VALUE`] characters, of which the last is `…` where it was
/// cut, and a space for each character that AWS refuses. Empty if there is nothing to say.
pub fn clean(value: &str) -> String {
    let keep = |c: char| if is_allowed(c) { c } else { ' ' };
    if value.chars().count() <= MAX_VALUE {
        return value.chars().map(keep).collect();
    }
    value.chars().take(MAX_VALUE - 1).map(keep).chain(['…']).collect()
}

/// The whole map that a cancel sends. With Merge the device's pairs stay, then comes the marker, then
/// the policy's in their order while there is room among [`MAX_PAIRS`]; with Replace the device's go.
/// A key that is there already takes no room; the policy's value replaces the device's. A device's own
/// `rescind` is replaced by ours. A value without a character cannot be sent and counts as dropped.
pub fn details(
    existing: &StatusDetails,
    on_existing: OnExisting,
    marker: &str,
    set: &[(String, String)],
) -> Details {
    let mut details = Details { send: StatusDetails::new(), dropped: Vec::new() };
    let mut add = |key: &str, value: &str| {
        let value = clean(value);
        let room = details.send.len() < MAX_PAIRS || details.send.contains_key(key);
        if room && !value.is_empty() {
            details.send.insert(key.to_owned(), value);
        } else {
            details.dropped.push(key.to_owned());
        }
    };
    if on_existing == OnExisting::Merge {
        for (key, value) in existing.iter().filter(|(key, _)| *key != MARKER) {
            add(key, value);
        }
    }
    add(MARKER, marker);
    for (key, value) in set.iter().filter(|(key, _)| key != MARKER) {
        add(key, value);
    }
    details
}

#[cfg(test)]
mod tests;
