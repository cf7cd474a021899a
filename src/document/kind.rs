//! Which kind of document a value is. Asked before any schema, so that a wrong kind is one clear
//! message and not a page of keys that another kind does not have.

use serde_json::Value;

use super::diagnostic::Code;
use super::finding::Findings;
use super::words::{any_of, nearest, quoted};

/// The one version of the policy language.
pub const API_VERSION: &str = "rescind/v1alpha1";

/// What a document can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Cancels executions.
    CancelPolicy,
    /// Keeps executions from being canceled.
    CancelGuard,
    /// Says what policies are to decide about a fleet.
    CancelTest,
    /// Facts about things, jobs and executions.
    Fleet,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] =
        [Self::CancelPolicy, Self::CancelGuard, Self::CancelTest, Self::Fleet];

    /// All of their names, for a sentence.
    pub fn names() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// As it is written behind `kind:`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CancelPolicy => "CancelPolicy",
            Self::CancelGuard => "CancelGuard",
            Self::CancelTest => "CancelTest",
            Self::Fleet => "Fleet",
        }
    }

    /// What a document of it is called in a sentence.
    pub fn noun(self) -> &'static str {
        match self {
            Self::CancelPolicy => "policy",
            Self::CancelGuard => "guard",
            Self::CancelTest => "test",
            Self::Fleet => "fleet",
        }
    }

    /// The kind with a name, in any case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(name))
    }
}

/// The kind of a document, or what is wrong with its `apiVersion` and `kind`.
pub(super) fn of(value: &Value, findings: &mut Findings) -> Option<Kind> {
    let kinds = Kind::ALL.map(Kind::as_str);
    let Some(map) = value.as_object() else {
        findings.value(
            Code::SchemaType,
            "",
            format!("{}, but a document is a map", super::check::described(value)),
            Some("begin with `apiVersion: rescind/v1alpha1`"),
        );
        return None;
    };
    let before = findings.len();
    let help = format!("a document begins with `apiVersion: {API_VERSION}` and `kind: …`");
    match (map.get("apiVersion"), map.get("kind")) {
        (None, None) => {
            let message = "this has neither `apiVersion` nor `kind`: it is no document of rescind";
            let help = format!("{help}; keep other YAML files out of the policy root");
            findings.value(Code::SchemaApiVersion, "", message, Some(&help));
            return None;
        }
        (None, Some(_)) => {
            findings.value(Code::SchemaApiVersion, "", "`apiVersion` is missing", Some(&help));
        }
        (Some(Value::String(version)), _) if version == API_VERSION => {}
        (Some(version), _) => {
            let message = match version.as_str() {
                Some(text) => format!("the apiVersion {} is not known", quoted(text)),
                None => format!("{} for an apiVersion", super::check::described(version)),
            };
            let help = format!("write `{API_VERSION}`");
            findings.value(Code::SchemaApiVersion, "/apiVersion", message, Some(&help));
        }
    }
    let kind = match map.get("kind") {
        None => {
            let help = format!("write {} behind `kind:`", any_of(&kinds));
            findings.value(Code::SchemaKind, "", "`kind` is missing", Some(&help));
            None
        }
        Some(Value::String(name)) => {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
            if kind.is_none() {
                let help = match nearest(name, kinds) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("this version has the kinds {}", super::words::all_of(&kinds)),
                };
                let message = format!("the kind {} is not known", quoted(name));
                findings.value(Code::SchemaKind, "/kind", message, Some(&help));
            }
            kind
        }
        Some(other) => {
            let message = format!("{} for a kind", super::check::described(other));
            let help = format!("write {}", any_of(&kinds));
            findings.value(Code::SchemaKind, "/kind", message, Some(&help));
            None
        }
    };
    kind.filter(|_| findings.len() == before)
}
