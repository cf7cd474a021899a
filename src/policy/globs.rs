//! Name patterns: `fw-*`, `robot-00?`, `{a,b}-*`. Any of a list may match.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A list of patterns, of which any may match. Never empty.
#[derive(Clone)]
pub struct Globs {
    patterns: Vec<String>,
    /// The patterns once more, if all of them are plain: asked of a million names, they cost a tenth.
    plain: Option<Vec<Plain>>,
    set: GlobSet,
}

/// A name, or the beginning of one: what most people write.
#[derive(Clone, Debug)]
enum Plain {
    Whole(String),
    Beginning(String),
}

impl Plain {
    fn of(pattern: &str) -> Option<Self> {
        let beginning = pattern.strip_suffix('*');
        let text = beginning.unwrap_or(pattern);
        let literal = |b: u8| b.is_ascii_alphanumeric() || b":_-".contains(&b);
        text.bytes().all(literal).then(|| match beginning {
            Some(text) => Self::Beginning(text.to_owned()),
            None => Self::Whole(text.to_owned()),
        })
    }

    fn is_match(&self, name: &str) -> bool {
        match self {
            Self::Whole(text) => name == text,
            Self::Beginning(text) => name.starts_with(text.as_str()),
        }
    }
}

/// A pattern that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{pattern:?} is not a pattern: {kind}")]
pub struct InvalidGlob {
    pattern: String,
    kind: globset::ErrorKind,
}

impl Globs {
    /// Compiles one pattern, to say what is wrong with it alone.
    pub fn check(pattern: &str) -> Result<(), InvalidGlob> {
        Self::new([pattern.to_owned()]).map(drop)
    }

    /// The first part of a pattern that asks for a character which no name may have; none if there is
    /// no such part. The pattern is one that [`Self::check`] takes.
    pub fn foreign(pattern: &str, may_have: impl Fn(char) -> bool) -> Option<&str> {
        let mut at = 0;
        let mut braces = 0_usize;
        while let Some(c) = pattern[at..].chars().next() {
            let begin = at;
            at += c.len_utf8();
            let literal = match c {
                '*' | '?' => continue,
                '{' | '}' => {
                    braces = if c == '{' { braces + 1 } else { braces.saturating_sub(1) };
                    continue;
                }
                ',' if braces > 0 => continue,
                '[' => {
                    at = end_of_class(pattern, at);
                    let class = &pattern[begin..at];
                    let only = Self::new([class.to_owned()]).ok()?;
                    let mut ascii = (0..128_u8).map(char::from).filter(|c| may_have(*c));
                    if !ascii.any(|c| only.is_match(c.encode_utf8(&mut [0; 4]))) {
                        return Some(class);
                    }
                    continue;
                }
                '\\' => {
                    let escaped = pattern[at..].chars().next()?;
                    at += escaped.len_utf8();
                    escaped
                }
                literal => literal,
            };
            if !may_have(literal) {
                return Some(&pattern[begin..at]);
            }
        }
        None
    }

    /// Compiles patterns.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Result<Self, InvalidGlob> {
        let patterns: Vec<_> = patterns.into_iter().collect();
        let mut builder = GlobSetBuilder::new();
        for pattern in &patterns {
            let invalid = |source: globset::Error| InvalidGlob {
                pattern: pattern.clone(),
                kind: source.kind().clone(),
            };
            // `robot{,-backup}` is `robot` too.
            let glob =
                GlobBuilder::new(pattern).backslash_escape(true).empty_alternates(true).build();
            builder.add(glob.map_err(invalid)?);
        }
        let set = builder.build().map_err(|source| InvalidGlob {
            pattern: patterns.join(", "),
            kind: source.kind().clone(),
        })?;
        let plain = patterns.iter().map(|pattern| Plain::of(pattern)).collect();
        Ok(Self { patterns, plain, set })
    }

    /// The pattern that every name matches.
    pub fn any() -> Self {
        Self::new(["*".to_owned()]).expect("a single star is a pattern")
    }

    /// Whether any of them matches the whole name.
    pub fn is_match(&self, name: &str) -> bool {
        match &self.plain {
            Some(patterns) => patterns.iter().any(|pattern| pattern.is_match(name)),
            None => self.set.is_match(name),
        }
    }

    /// As they were written.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

/// Where a class ends that begins at `at`: its first character is one of it, be it a bracket.
fn end_of_class(pattern: &str, at: usize) -> usize {
    let rest = &pattern[at..];
    let inside = rest.strip_prefix(['!', '^']).unwrap_or(rest);
    let first = inside.chars().next().map_or(0, char::len_utf8);
    let end = inside[first..].find(']').map_or(inside.len(), |end| first + end + 1);
    at + rest.len() - inside.len() + end
}

impl fmt::Debug for Globs {
    /// As they were written: the compiled automata would fill pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.patterns.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::{JobId, ThingName};

    #[test]
    fn what_no_name_has_is_found_in_a_pattern_and_nothing_else() {
        for (pattern, of_jobs) in [
            ("fw-*", None),
            ("fw-?[0-9][!a][^b]*", None),
            ("{fw-*,cfg-{1,2}}_", None),
            ("\\f\\-w", None),
            ("[]a]", None),
            ("[!]]*", None),
            ("[%a-]", None),
            ("a:b", Some(":")),
            ("^fw-.*$", Some("^")),
            ("fw.*", Some(".")),
            ("fw 3", Some(" ")),
            ("/fw/", Some("/")),
            ("a,b", Some(",")),
            ("{a,b%}", Some("%")),
            ("fw\\*", Some("\\*")),
            ("fw[%&]x", Some("[%&]")),
            ("fw[!a-zA-Z0-9_-]", Some("[!a-zA-Z0-9_-]")),
            ("[]]", Some("[]]")),
            ("größe-*", Some("ö")),
        ] {
            Globs::check(pattern).expect(pattern);
            assert_eq!(Globs::foreign(pattern, JobId::may_have), of_jobs, "{pattern}");
        }
        assert_eq!(Globs::foreign("a:b", ThingName::may_have), None);
    }

    #[test]
    fn one_of_the_alternatives_may_be_nothing() {
        let globs = Globs::new(["medical{,-backup}".to_owned()]).expect("a pattern");
        for (name, matches) in [("medical", true), ("medical-backup", true), ("medical-", false)] {
            assert_eq!(globs.is_match(name), matches, "{name}");
        }
    }

    #[test]
    fn plain_patterns_match_what_globs_match() {
        let names = ["a", "ab", "abc", "b:a_-1", "B", "-", "a*"];
        let patterns = [
            "*", "a", "a*", "ab*", "b:a_-1", "b:*", "", "?", "a?", "[ab]", "{a,b}*", "\\*", "a**",
            "*a",
        ];
        let mut plain = 0;
        for pattern in patterns {
            let globs = Globs::new([pattern.to_owned()]).expect("a pattern");
            plain += usize::from(globs.plain.is_some());
            for name in names {
                assert_eq!(globs.is_match(name), globs.set.is_match(name), "{pattern} on {name}");
            }
        }
        assert_eq!(plain, 7);
    }
}
