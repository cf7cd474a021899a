//! Name patterns: `fw-*`, `robot-00?`, `{a,b}-*`. Any of a list may match.

use std::fmt;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// A list of patterns, of which any may match. Never empty.
#[derive(Clone)]
pub struct Globs {
    patterns: Vec<String>,
    set: GlobSet,
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
        Ok(Self { patterns, set })
    }

    /// The pattern that every name matches.
    pub fn any() -> Self {
        Self::new(["*".to_owned()]).expect("a single star is a pattern")
    }

    /// Whether any of them matches the whole name.
    pub fn is_match(&self, name: &str) -> bool {
        self.set.is_match(name)
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
