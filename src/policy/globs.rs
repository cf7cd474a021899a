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

    /// Compiles patterns.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Result<Self, InvalidGlob> {
        let patterns: Vec<_> = patterns.into_iter().collect();
        let mut builder = GlobSetBuilder::new();
        for pattern in &patterns {
            let invalid = |source: globset::Error| InvalidGlob {
                pattern: pattern.clone(),
                kind: source.kind().clone(),
            };
            builder.add(GlobBuilder::new(pattern).backslash_escape(true).build().map_err(invalid)?);
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

impl fmt::Debug for Globs {
    /// As they were written: the compiled automata would fill pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.patterns.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
