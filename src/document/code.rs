//! The closed list of what can be wrong with a document.
//!
//! Codes are stable: people filter by them and look them up. Each says its class by its prefix, and
//! carries the sentence that explains it. A test asks that each has a broken file that shows it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a document with it may still be used.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Nothing of the file is used.
    Error,
    /// The file is used; its author should look.
    Warning,
}

/// Where in the way from text to meaning it was found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// The text is not YAML as it is accepted here.
    Syntax,
    /// A key or a value is not what its kind has there.
    Schema,
    /// Keys and values are in order, but what they say is not.
    Meaning,
}

macro_rules! codes {
    ($(#[doc = $text:literal] $variant:ident $severity:ident $class:ident $name:literal,)+) => {
        /// A stable code of a diagnostic.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $text] $variant,)+
        }

        impl Code {
            /// Every code, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The code as people see it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One sentence: what it means.
            pub fn explain(self) -> &'static str {
                match self { $(Self::$variant => $text.trim_ascii_start(),)+ }
            }

            /// Whether the file may still be used.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// Which check found it.
            pub fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class,)+ }
            }
        }
    };
}

codes! {
    /// The file has more bytes than are accepted.
    SyntaxTooLarge Error Syntax "syntax-too-large",
    /// The file is UTF-16 or UTF-32; only UTF-8 is read.
    SyntaxUtf16 Error Syntax "syntax-utf16",
    /// The file is not UTF-8.
    SyntaxUtf8 Error Syntax "syntax-utf8",
    /// A byte order mark: not every reader skips it, and in the middle of a text nobody sees it.
    SyntaxBom Error Syntax "syntax-bom",
    /// A NUL or another control character, raw or written as an escape.
    SyntaxControl Error Syntax "syntax-control-character",
    /// A carriage return that does not belong to a line's end; readers disagree on where the line ends.
    SyntaxCarriageReturn Error Syntax "syntax-carriage-return",
    /// U+0085, U+2028 or U+2029: some readers end a line, and so a comment, there, and others do not.
    SyntaxLineSeparator Error Syntax "syntax-line-separator",
    /// A character that changes the direction of text: a reviewer would see something else than is read.
    SyntaxBidi Error Syntax "syntax-bidi-character",
    /// A tab in indentation; YAML indents with spaces.
    SyntaxTab Error Syntax "syntax-tab",
    /// The text is not YAML.
    SyntaxYaml Error Syntax "syntax-yaml",
    /// A YAML directive; a line that begins with a percent sign.
    SyntaxDirective Error Syntax "syntax-directive",
    /// Lists and maps are nested deeper than is accepted.
    SyntaxTooDeep Error Syntax "syntax-too-deep",
    /// The file has more values than are accepted.
    SyntaxTooManyValues Error Syntax "syntax-too-many-values",
    /// The file has more documents than are accepted.
    SyntaxTooManyDocuments Error Syntax "syntax-too-many-documents",
    /// A single text is longer than is accepted.
    SyntaxTextTooLong Error Syntax "syntax-text-too-long",
    /// The same key twice in one map; YAML readers keep either.
    SyntaxDuplicateKey Error Syntax "syntax-duplicate-key",
    /// A key that is a list or a map, or nothing.
    SyntaxKey Error Syntax "syntax-key",
    /// An anchor; documents are written out in full, so that a reviewer sees what holds.
    SyntaxAnchor Error Syntax "syntax-anchor",
    /// An alias; documents are written out in full, so that a reviewer sees what holds.
    SyntaxAlias Error Syntax "syntax-alias",
    /// A merge key; documents are written out in full, so that a reviewer sees what holds.
    SyntaxMergeKey Error Syntax "syntax-merge-key",
    /// A tag; the schema alone says what type a value has.
    SyntaxTag Error Syntax "syntax-tag",
    /// A file or a document without content.
    SyntaxEmpty Error Syntax "syntax-empty",
    /// A bare yes, no, on or off: a truth value in YAML 1.1, and text in YAML 1.2.
    SyntaxBoolean Error Syntax "syntax-boolean",
    /// A bare .nan or .inf; no setting takes one.
    SyntaxNotFinite Error Syntax "syntax-not-finite",
    /// A bare number that readers take for different numbers, or that is out of range.
    SyntaxNumber Error Syntax "syntax-number",
    /// Two YAML readers see different documents in the same text.
    SyntaxReadersDiffer Error Syntax "syntax-readers-differ",

    /// The document has no apiVersion, or one that this version does not know.
    SchemaApiVersion Error Schema "schema-api-version",
    /// The document has no kind, or one that this version does not know.
    SchemaKind Error Schema "schema-kind",
    /// A key that does not exist there.
    SchemaUnknownKey Error Schema "schema-unknown-key",
    /// A key that exists, but not there.
    SchemaMisplacedKey Error Schema "schema-misplaced-key",
    /// A key that must be written is not.
    SchemaMissingKey Error Schema "schema-missing-key",
    /// A value of the wrong type: text where a number is expected, a list where a map is.
    SchemaType Error Schema "schema-type",
    /// A value that is none of those that are allowed.
    SchemaValue Error Schema "schema-value",
    /// A list, a map or a text that must not be empty.
    SchemaEmpty Error Schema "schema-empty",
    /// A list, a map or a text with more than is allowed.
    SchemaTooMany Error Schema "schema-too-many",
    /// A number out of range.
    SchemaRange Error Schema "schema-range",
    /// The same value twice in a list.
    SchemaRepeated Error Schema "schema-repeated",

    /// A duration that cannot be read.
    MeaningDuration Error Meaning "meaning-duration",
    /// A time that cannot be read.
    MeaningTime Error Meaning "meaning-time",
    /// A name, key or value that AWS or rescind does not accept.
    MeaningName Error Meaning "meaning-name",
    /// The same name twice.
    MeaningDuplicate Error Meaning "meaning-duplicate-name",
    /// A reference to something that is not there.
    MeaningReference Error Meaning "meaning-reference",
    /// A fleet has more things, jobs or executions than are accepted.
    MeaningTooMany Error Meaning "meaning-too-many",
    /// A name pattern that cannot be read, or that asks for a character which no such name has.
    MeaningPattern Error Meaning "meaning-pattern",
    /// A template that cannot be read.
    MeaningTemplate Error Meaning "meaning-template",
    /// An expression that cannot be read, or whose parts do not fit.
    MeaningExpression Error Meaning "meaning-expression",
    /// A key that rescind keeps for itself.
    MeaningReserved Error Meaning "meaning-reserved-key",
    /// An age that has not exactly one of olderThan and youngerThan.
    MeaningAge Error Meaning "meaning-age",
    /// Conditions that can never hold together.
    MeaningNeverMatches Error Meaning "meaning-never-matches",
    /// An operator with values that it does not take, or without those that it needs.
    MeaningOperator Error Meaning "meaning-operator",
    /// A rule that asks nothing.
    MeaningEmptyRule Error Meaning "meaning-empty-rule",
    /// A policy that asks nothing: it has neither match nor conditions.
    MeaningNoCondition Error Meaning "meaning-no-condition",
    /// A budget without a limit.
    MeaningBudget Error Meaning "meaning-budget",
    /// An expectation that no decision can meet.
    MeaningExpectation Error Meaning "meaning-expectation",
    /// A window that never opens, or whose times or zone cannot be read.
    MeaningWindow Error Meaning "meaning-window",
    /// A suspendReason or suspendUntil in a policy that is not suspended.
    MeaningSuspendReason Warning Meaning "meaning-suspend-reason",
    /// A policy for executions in progress only, without the force that canceling them needs.
    MeaningForce Warning Meaning "meaning-force",
    /// A freeze excepts a policy that is not in the root, so that nothing is excepted by it.
    MeaningUnknownPolicy Warning Meaning "meaning-unknown-policy",
    /// An expression over a key that may not be there; where it is not, the expression is not known.
    MeaningAbsentKey Warning Meaning "meaning-absent-key",
    /// What has no effect whatever there is: a policy that can cancel nothing, a rule that keeps nothing.
    MeaningNoEffect Warning Meaning "meaning-no-effect",
    /// Text that looks like something to fill in, and is sent as it stands.
    MeaningNoTemplate Warning Meaning "meaning-no-template",
    /// An age since the start, of executions that nobody has started.
    MeaningNotStarted Warning Meaning "meaning-not-started",
    /// QUEUED executions of CONTINUOUS jobs only; AWS makes new ones where a thing joins a group again.
    MeaningRecreated Warning Meaning "meaning-recreated",
    /// A policy that asks nothing cheap first, so that each pass costs a call for all that is open.
    MeaningCostly Warning Meaning "meaning-costly",
    /// A percentage of a population so small that it is less than one.
    MeaningTinyShare Warning Meaning "meaning-tiny-share",
    /// Another policy of a higher priority asks the same of all that this one lists.
    MeaningShadowed Warning Meaning "meaning-shadowed",
    /// A guard by which nothing is canceled: it protects all, allows none, or shares no place with another.
    MeaningForbidsAll Warning Meaning "meaning-forbids-all",
    /// A pattern that matches no job of the fleet that was given.
    MeaningNoSuchJob Warning Meaning "meaning-no-such-job",
    /// A rule of exclude or protect that no thing and no job of the fleet that was given can meet.
    MeaningIdleRule Warning Meaning "meaning-idle-rule",
    /// A time that is past: a suspension or a freeze that is over, a policy that has expired.
    MeaningOver Warning Meaning "meaning-over",
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl JsonSchema for Code {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Code".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let codes: Vec<_> = Self::ALL.iter().map(|code| code.as_str()).collect();
        schemars::json_schema!({"type": "string", "enum": codes})
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_its_class_and_is_unique() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            let prefix = match code.class() {
                Class::Syntax => "syntax-",
                Class::Schema => "schema-",
                Class::Meaning => "meaning-",
            };
            assert!(code.as_str().starts_with(prefix), "{code}");
            assert!(seen.insert(code.as_str()), "{code} twice");
            assert!(code.explain().ends_with('.') && !code.explain().starts_with(' '), "{code}");
        }
    }
}
