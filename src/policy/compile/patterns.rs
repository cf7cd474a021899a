//! Patterns of names: read, and held against what AWS has in names.
//!
//! A pattern that can match no name protects nothing, in silence: somebody wrote a regular expression.

use std::collections::BTreeSet;

use super::Compiler;
use crate::document::diagnostic::Code;
use crate::document::words::quoted;
use crate::execution::{JobId, ThingName};
use crate::policy::Globs;

/// What patterns are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Job,
    Thing,
}

/// What means something in a pattern.
const GLOBS: &str =
    "`*`, `?`, `[a-z]` and `{a,b}` have a meaning; a backslash before them takes it away";

impl Named {
    /// What no name of this kind has, in a pattern that can be read; with what such names have.
    fn problem(self, pattern: &str) -> Option<(String, &'static str)> {
        let (foreign, what, help) = match self {
            Self::Job => (
                Globs::foreign(pattern, JobId::may_have)?,
                "job id",
                "job ids have letters, digits, '_' and '-'; patterns are globs (`*`, `?`, `[a-z]`, `{a,b}`), \
                 not regular expressions",
            ),
            Self::Thing => (
                Globs::foreign(pattern, ThingName::may_have)?,
                "thing name",
                "thing names have letters, digits, ':', '_' and '-'; patterns are globs (`*`, `?`, `[a-z]`, \
                 `{a,b}`), not regular expressions",
            ),
        };
        let message =
            format!("{} asks for {}, which is in no {what}", quoted(pattern), quoted(foreign));
        Some((message, help))
    }
}

impl Compiler<'_> {
    /// Patterns of names; none if any of them is wrong.
    pub(super) fn globs(
        &mut self,
        pointer: &str,
        patterns: &BTreeSet<String>,
        named: Named,
    ) -> Option<Globs> {
        let mut good = true;
        for pattern in patterns {
            let problem = match Globs::check(pattern) {
                _ if pattern.is_empty() => {
                    Some(("the pattern is empty".to_owned(), "write a name, or `*` for any"))
                }
                _ if pattern.len() > 256 => Some((
                    "the pattern has more than 256 bytes".to_owned(),
                    "write several shorter ones",
                )),
                Ok(()) => named.problem(pattern),
                Err(error) => Some((format!("{error}"), GLOBS)),
            };
            if let Some((message, help)) = problem {
                good = false;
                // Sets are in order, lists as written: the pattern is found again by its text.
                self.findings.item(Code::MeaningPattern, pointer, pattern, message, Some(help));
            }
        }
        if !good {
            return None;
        }
        let all = Globs::new(patterns.iter().cloned());
        all.map_err(|_| {
            let message = "these patterns are too many, or too long, to be matched together";
            let help =
                "write fewer with wildcards, or split them: several policies, or several rules";
            self.findings.value(Code::MeaningPattern, pointer, message, Some(help));
        })
        .ok()
    }
}
