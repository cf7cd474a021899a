//! The YAML parser's errors in the words of someone who writes policies.

use granit_parser::ErrorKind;

use super::diagnostic::Code;
use super::limits::Limits;

/// The code, the message and the help for an error of the parser.
pub(super) fn explain(kind: &ErrorKind, limits: &Limits) -> (Code, String, &'static str) {
    use ErrorKind as E;
    let yaml = |message: &str, help| (Code::SyntaxYaml, message.to_owned(), help);
    match kind {
        E::RecursionLimitExceeded => (
            Code::SyntaxTooDeep,
            format!("more than {} lists and maps inside each other", limits.depth),
            "",
        ),
        E::DirectiveDisallowed
        | E::DuplicateVersionDirective
        | E::UnsupportedYamlMajorVersion
        | E::DuplicateTagDirective
        | E::MissingDocumentEndBeforeDirective
        | E::InvalidDirectiveTerminator => (
            Code::SyntaxDirective,
            "a YAML directive".to_owned(),
            "remove the line that begins with `%`; quote text that begins with `%`",
        ),
        E::UndeclaredTagHandle
        | E::InvalidGlobalTagCharacter
        | E::InvalidTagTerminator
        | E::MissingTagUri
        | E::UnclosedVerbatimTag
        | E::InvalidTagEscape => (
            Code::SyntaxTag,
            "a value with a tag".to_owned(),
            "remove the tag, the word that begins with `!`; quote text that begins with `!`",
        ),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabAtBlockScalarStart
        | E::TabInIndentation
        | E::TabInPlainScalar
        | E::InvalidBlockEntryWhitespace
        | E::InvalidMappingValueWhitespace => {
            (Code::SyntaxTab, "a tab where YAML expects spaces".to_owned(), "write spaces")
        }
        E::MappingValueNotAllowed => yaml(
            "a `:` is not allowed here",
            "quote text that has `: ` in it; or write the `:` that the line before lacks; or check the indentation",
        ),
        E::MissingAnchorOrAliasName => (
            Code::SyntaxAlias,
            "a bare `*` or `&` stands for something else in YAML".to_owned(),
            "quote it: \"*\"",
        ),
        E::InvalidColonPlacement => yaml(
            "a `:` is not allowed here",
            "a `[` or `{` before it may not be closed; quote text that has `: ` in it",
        ),
        E::MappingKeyNotAllowed | E::BlockSequenceEntryNotAllowed => yaml(
            "a key or a list entry is not allowed here",
            "check the indentation of this line and the one before",
        ),
        E::ExpectedBlockMappingKey | E::InvalidIndentation | E::ExpectedBlockSequenceEntry => yaml(
            "the indentation fits neither the lines before nor what they begin",
            "entries of one map or list begin in the same column",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => {
            yaml("a key without a `:`", "write `key: value`, with a space behind the colon")
        }
        E::UnclosedQuotedScalar => yaml(
            "a text whose quote is never closed",
            "close it with the quote that it begins with",
        ),
        E::UnclosedFlowCollection { open } => (
            Code::SyntaxYaml,
            format!("a `{open}` that is never closed"),
            "close it; entries are separated by commas",
        ),
        E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping => {
            yaml("the text ends inside `[…]` or `{…}`", "close it; entries are separated by commas")
        }
        E::ExpectedFlowMappingSeparator | E::ExpectedFlowSequenceSeparator => yaml(
            "a comma or a closing bracket is missing before this",
            "separate entries by commas; quote text that has a comma or a bracket in it",
        ),
        E::UnexpectedCharacter { character } => {
            (Code::SyntaxYaml, format!("text cannot begin with `{character}`"), "quote it")
        }
        E::UnknownQuotedScalarEscape => yaml(
            "an escape that YAML does not know",
            "write a backslash as `\\\\`, or use single quotes, in which it stands for itself",
        ),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => yaml(
            "text behind a closing quote",
            "quote all of the text, or none of it; write a single quote in single quotes twice",
        ),
        other => (Code::SyntaxYaml, format!("this is not YAML: {other}"), ""),
    }
}
