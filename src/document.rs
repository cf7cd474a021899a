//! Text becomes checked documents: files in, policies and fleets and all that is wrong out.
//!
//! The way of a file: `text` refuses bytes and characters that readers see differently; `events`
//! bounds and positions everything and refuses YAML's traps; `value` has a second reader make the
//! value and compares; `kind` asks what it is; `check` holds it against the schema; `policy::compile`
//! and `fleet` say what it means. What each finds becomes a [`Diagnostic`] with file, line and column.
//!
//! A file with any error gives nothing: a half-read file could miss the very rule that protects. No
//! file system, no clock, no AWS.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use serde_json::Value;

pub mod code;
pub mod diagnostic;
pub mod finding;
pub mod kind;
pub mod limits;
pub mod render;
pub mod report;
pub mod schema;

mod against;
mod beside;
mod check;
mod events;
mod grammar;
mod scalar;
mod source;
mod text;
mod together;
mod tree;
mod unread;
mod value;
pub(crate) mod words;
mod written;

pub use diagnostic::{Class, Code, Diagnostic, Label, Place, Severity};
pub use kind::Kind;
pub use limits::Limits;
pub use schema::schema;
pub use written::WrittenTest;

use crate::fleet::{self, Fleet};
use crate::policy::{self, Guard, Origin, Policy, TestCase};
use events::RawDocument;
use finding::{Finding, Findings};
use source::Source;
use tree::Tree;
use unread::Guarded;

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path, relative to the policy root.
    pub path: String,
    /// Its bytes.
    pub text: Vec<u8>,
}

/// What files say, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Documents {
    /// The policies of files without an error, by name.
    pub policies: Vec<Policy>,
    /// The guards of files without an error, by name.
    pub guards: Vec<Guard>,
    /// The fleets of files without an error, with their origins, in the order of files.
    pub fleets: Vec<(Origin, Fleet)>,
    /// The tests of files without an error, in the order of files.
    pub tests: Vec<WrittenTest>,
    /// All that is wrong, by file, line and column.
    pub diagnostics: Vec<Diagnostic>,
    /// The files with an error. They give neither policies nor fleets.
    pub broken: BTreeSet<String>,
    /// Those of them that say that they have a guard, or something that is not known: what it protects is
    /// not known.
    pub unread_guards: BTreeSet<String>,
    /// Those of them that do not say of each of their documents what it is.
    pub unread: BTreeSet<String>,
    /// The patterns of jobs in the targets of policies.
    patterns: Vec<Written>,
    /// Where that stands in policies and guards which is held against a fleet or the time.
    places: against::Places,
}

/// A name that was written somewhere, whether or not the rest of its document is right.
#[derive(Debug)]
struct Written {
    kind: Kind,
    name: String,
    path: String,
    place: Place,
}

/// What one file gives.
#[derive(Default)]
struct Read {
    policies: Vec<Policy>,
    guards: Vec<Guard>,
    fleets: Vec<(Origin, Fleet)>,
    tests: Vec<WrittenTest>,
    diagnostics: Vec<Diagnostic>,
    names: Vec<Written>,
    /// The policies that freezes except.
    excepted: Vec<Written>,
    patterns: Vec<Written>,
    places: against::Places,
}

/// Reads files of no known revision: see [`read_at`].
pub fn read(files: &[SourceFile], limits: &Limits) -> Documents {
    read_at(files, limits, None)
}

/// Reads files, each on its own, and then what they say together. The order of the files does not
/// matter; their paths differ. The git revision is the one that all of them are of, as `source.revision`
/// gives it: `COMMIT` or `COMMIT-dirty`.
pub fn read_at(files: &[SourceFile], limits: &Limits, revision: Option<&Arc<str>>) -> Documents {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut documents = Documents::default();
    let (mut names, mut excepted) = (Vec::new(), Vec::new());
    for (file, read) in files.iter().zip(read_files(&files, limits, revision)) {
        if read.diagnostics.iter().any(Diagnostic::is_error) {
            documents.broken.insert(file.path.clone());
        }
        documents.policies.extend(read.policies);
        documents.guards.extend(read.guards);
        documents.fleets.extend(read.fleets);
        documents.tests.extend(read.tests);
        documents.diagnostics.extend(read.diagnostics);
        names.extend(read.names);
        excepted.extend(read.excepted);
        documents.patterns.extend(read.patterns);
        documents.places.extend(read.places);
    }
    together::unknown_policies(&names, excepted, &mut documents);
    together::shadowed(&names, &mut documents);
    together::apart(&names, &mut documents);
    together::duplicates(names, &mut documents);
    let broken = &documents.broken;
    for file in files.into_iter().filter(|file| broken.contains(&file.path)) {
        match unread::asked(&file.text) {
            Guarded::No => continue,
            Guarded::Unknown => documents.unread.insert(file.path.clone()),
            Guarded::Likely => documents.unread_guards.insert(file.path.clone()),
        };
    }
    documents.policies.retain(|policy| !broken.contains(&*policy.origin.path));
    documents.guards.retain(|guard| !broken.contains(&*guard.origin.path));
    documents.fleets.retain(|(origin, _)| !broken.contains(&*origin.path));
    documents.tests.retain(|test| !broken.contains(&*test.case.origin.path));
    documents.policies.sort_by(|a, b| a.name.cmp(&b.name));
    documents.guards.sort_by(|a, b| a.name.cmp(&b.name));
    diagnostic::sort(&mut documents.diagnostics);
    documents
}

/// The least files that are worth a thread.
const SHARE: usize = 32;

/// Reads files on all cores: to check a thousand conditions takes longer than all else that stands between
/// a change of the files and what follows from it.
fn read_files(
    files: &[&SourceFile],
    limits: &Limits,
    revision: Option<&Arc<str>>,
) -> impl Iterator<Item = Read> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = files.len().div_ceil(cores).max(SHARE);
    let each = move |files: &[&SourceFile]| -> Vec<_> {
        files.iter().map(|file| read_file(file, limits, revision)).collect()
    };
    let shares = if files.len() <= share {
        vec![each(files)]
    } else {
        thread::scope(|scope| {
            let threads: Vec<_> =
                files.chunks(share).map(|share| scope.spawn(move || each(share))).collect();
            let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
            joined.map(|read| read.unwrap_or_else(|panic| resume_unwind(panic))).collect()
        })
    };
    shares.into_iter().flatten()
}

fn read_file(file: &SourceFile, limits: &Limits, revision: Option<&Arc<str>>) -> Read {
    let mut read = Read::default();
    let path: Arc<str> = file.path.as_str().into();
    let text = match text::check(&path, &file.text, limits) {
        Ok(text) => text,
        Err(found) => {
            read.diagnostics = found;
            return read;
        }
    };
    let source = Source::new(path, text);
    let events = events::read(&source, limits);
    read.diagnostics = events.diagnostics;
    if events.documents.is_empty() && read.diagnostics.is_empty() {
        let help = "write a document, or remove the file";
        let place = source.place(&(0..0));
        let message = "the file has no document";
        read.diagnostics.push(Diagnostic::new(Code::SyntaxEmpty, place, message, Some(help)));
    }
    for document in events.documents {
        read_document(&source, &document, revision, &mut read);
    }
    read
}

fn read_document(
    source: &Source<'_>,
    document: &RawDocument,
    revision: Option<&Arc<str>>,
    read: &mut Read,
) {
    let Some(tree) = &document.tree else { return };
    let value = match value::read(source.text(), document.slice.clone(), tree) {
        Ok(value) => value,
        // A bare number that was refused already is the likely reason.
        Err(_) if !document.reported.is_empty() => return,
        Err((span, message)) => {
            let place = source.place(&span);
            let help = "write it more plainly: quote text, and one entry a line";
            let code = Code::SyntaxReadersDiffer;
            read.diagnostics.push(Diagnostic::new(code, place, &message, Some(help)));
            return;
        }
    };
    let origin =
        Origin { path: Arc::clone(source.path()), line: source.line_number(document.start) };
    let mut findings = Findings::default();
    let test = checked(&value, tree, &origin, revision, &mut findings, read);
    let place = |finding: &Finding| tree.span(finding, source);
    let place_at = |pointer: &str| source.place(&place(&Finding::at(pointer)));
    for finding in findings.into_vec() {
        let span = place(&finding);
        // What was refused as a bare word or number has been said once.
        if document.reported.contains(&span) {
            continue;
        }
        let help = finding.help.as_deref();
        read.diagnostics.push(Diagnostic::new(
            finding.code,
            source.place(&span),
            &finding.message,
            help,
        ));
    }
    if let Some(case) = test {
        let places = written::pointers(&value).into_iter();
        let places = places.map(|pointer| (pointer.clone(), place_at(&pointer))).collect();
        read.tests.push(WrittenTest { case, places });
    }
    let kind = value.get("kind").and_then(Value::as_str);
    let kind = kind.and_then(|name| Kind::ALL.into_iter().find(|kind| kind.as_str() == name));
    let written = |kind, name: &str, place| Written {
        kind,
        name: name.to_owned(),
        path: source.path().to_string(),
        place,
    };
    if let Some(kind) = kind.filter(|kind| *kind != Kind::Fleet)
        && let Some(name) = value.pointer("/metadata/name").and_then(Value::as_str)
    {
        read.names.push(written(kind, name, place_at("/metadata/name")));
        let pointers = against::pointers(&value).into_iter();
        let key = |pointer: &String| (kind, name.to_owned(), pointer.clone());
        read.places.extend(pointers.map(|it| (key(&it), place_at(&it))));
    }
    if kind == Some(Kind::CancelPolicy) {
        let at = "/spec/target/jobs/names";
        let patterns = value.pointer(at).and_then(Value::as_array).into_iter().flatten();
        let patterns = patterns.enumerate().filter_map(|(i, it)| Some((i, it.as_str()?)));
        read.patterns.extend(patterns.map(|(index, pattern)| {
            written(Kind::CancelPolicy, pattern, place_at(&finding::join(at, index)))
        }));
    }
    if kind == Some(Kind::CancelGuard) {
        let excepted = policy::compile::excepted_in(&value);
        let named =
            excepted.iter().map(|(at, name)| written(Kind::CancelPolicy, name, place_at(at)));
        read.excepted.extend(named);
    }
}

/// From a value to what it means; gives a test to whoever knows its places. What the schema refuses means
/// nothing, but what else is wrong with it is said as well.
fn checked(
    value: &Value,
    tree: &Tree,
    origin: &Origin,
    revision: Option<&Arc<str>>,
    findings: &mut Findings,
    read: &mut Read,
) -> Option<TestCase> {
    let kind = kind::of(value, findings)?;
    check::check(kind, value, tree, findings);
    if findings.is_empty() {
        return compiled(kind, value, origin, revision, findings, read);
    }
    let rest = beside::rest(kind, value, tree, findings)?;
    let (mut found, mut unused) = (Findings::default(), Read::default());
    compiled(kind, &rest.value, origin, revision, &mut found, &mut unused);
    rest.told(found).for_each(|finding| findings.push(finding));
    None
}

/// What a value means that agrees with its schema.
fn compiled(
    kind: Kind,
    value: &Value,
    origin: &Origin,
    revision: Option<&Arc<str>>,
    findings: &mut Findings,
    read: &mut Read,
) -> Option<TestCase> {
    match kind {
        Kind::CancelPolicy => {
            if let Some(shape) = typed(value, findings) {
                let made = policy::compile::compile(&shape, origin.clone(), revision, findings);
                read.policies.extend(made);
            }
        }
        Kind::CancelGuard => {
            if let Some(shape) = typed(value, findings) {
                let origin = origin.clone();
                let made = policy::compile::compile_guard(&shape, origin, findings);
                read.guards.extend(made);
            }
        }
        Kind::CancelTest => {
            let shape = typed(value, findings)?;
            return policy::test_case::compile(&shape, origin.clone(), findings);
        }
        Kind::Fleet => {
            if let Some(shape) = typed(value, findings) {
                let fleet = fleet::compile(shape, findings);
                read.fleets.extend(fleet.map(|fleet| (origin.clone(), fleet)));
            }
        }
    }
    None
}

/// Reads a value that agrees with its schema into its shape.
fn typed<T: serde::de::DeserializeOwned>(value: &Value, findings: &mut Findings) -> Option<T> {
    T::deserialize(value)
        .map_err(|error| {
            // Shapes and schema are made from the same types; where they differ all the same, the
            // document is refused and not guessed at.
            let message = format!("the document cannot be read: {error}");
            findings.value(Code::SchemaValue, "", message, None);
        })
        .ok()
}
