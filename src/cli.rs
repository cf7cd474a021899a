//! The command line: arguments become settings, settings a verb, its result an exit code.
//!
//! One file a verb. Results go to stdout, everything else to stderr; an error is printed once, here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::controller::follow::{Reading, interpret};
use crate::document::{self, Diagnostic, Limits};
use crate::policy::{Demands, PolicySet};
use crate::source::{self, Tree};

pub mod args;
pub mod exit;
pub mod output;

mod apply;
mod audit;
mod breakers;
mod ci;
mod diff;
mod emulator;
mod explain;
mod guard;
mod library;
mod out;
mod pause;
mod plan;
mod run;
mod schema;
mod session;
mod signals;
mod snapshot;
mod status;
mod test;
mod validate;

use args::state::GuardVerb;
use args::{Args, Format, Root, Verb};
use exit::Exit;
use output::Output;

/// An end that is not a success and has its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

/// Does what the arguments say.
pub fn main(args: Args) -> Exit {
    let output = Output::new(args.color);
    // Who reads the log of a controller as objects gets the last line as one too.
    let logged = matches!(args.verb, Verb::Run(_)) && args.log_format == Format::Json;
    match dispatch(args, output) {
        Ok(exit) => exit,
        Err(error) => {
            let exit = error.downcast_ref::<Failure>().map_or(Exit::Error, |failure| failure.exit);
            if logged && tracing::enabled!(tracing::Level::ERROR) {
                tracing::error!(exit = exit.code(), "{error:#}");
            } else {
                output.error(&format!("{error:#}"));
            }
            exit
        }
    }
}

fn dispatch(args: Args, output: Output) -> anyhow::Result<Exit> {
    let quiet = !matches!(args.verb, Verb::Run(_));
    let (said_by, filter) = args.filter();
    output::log::start(filter.as_deref(), args.log_format, quiet, output)
        .map_err(|error| Failure::new(Exit::Usage, format!("{said_by}: {error}")))?;
    match args.verb {
        Verb::Validate(args) => validate::validate(&args, output),
        Verb::Test(args) => test::test(&args, output),
        Verb::Audit(args) => audit::audit(&args, output),
        Verb::Pause(args) => pause::pause(&args, output),
        Verb::Resume(args) => match args.breaker {
            Some(breaker) => blocking(breakers::resume(&args, breaker, output)),
            None => pause::resume(&args, output),
        },
        Verb::Guard(args) => match args.verb {
            GuardVerb::Forget(args) => blocking(guard::forget(args, output)),
        },
        Verb::Schema(args) => schema::schema(&args, output),
        Verb::Plan(args) => blocking(plan::plan(args, output)),
        Verb::Explain(args) => blocking(explain::explain(args, output)),
        Verb::Snapshot(args) => blocking(snapshot::snapshot(args, output)),
        Verb::Diff(args) => blocking(diff::diff(args, output)),
        Verb::Apply(args) => blocking(apply::apply(args, output)),
        Verb::Status(args) => blocking(status::status(args, output)),
        Verb::Run(args) => blocking(run::run(args, output)),
        Verb::Emulator(args) => blocking(emulator::emulator(args, output)),
        Verb::Completions(args) => generated(args::generated::completions(args.shell), output),
        Verb::Man => generated(args::generated::man()?, output),
    }
}

fn generated(text: Vec<u8>, output: Output) -> anyhow::Result<Exit> {
    output.result(&String::from_utf8(text).context("what was generated is not text")?)?;
    Ok(Exit::Done)
}

/// For how long the end waits for a write that hangs, or whatever else a thread is at.
const LINGERS: Duration = Duration::from_secs(1);

fn blocking<T>(verb: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime does not start")?;
    let done = runtime.block_on(verb);
    runtime.shutdown_timeout(LINGERS);
    done
}

/// What a policy root says; what is wrong with it is said on stderr.
fn read_root(root: &Path, tree: Tree, output: Output) -> Reading {
    let mut reading = interpret(tree);
    if !reading.diagnostics.is_empty() {
        locate(&mut reading.diagnostics, root);
        let text = document::render::text(&reading.diagnostics, output.stderr_color());
        output.say(&text);
    }
    for error in &reading.errors {
        output.error(&error.in_words());
    }
    reading
}

/// Makes the paths of diagnostics such that they can be opened from here.
fn locate(diagnostics: &mut [Diagnostic], root: &Path) {
    let located = |path: &str| root.join(path).to_string_lossy().into();
    for diagnostic in diagnostics {
        diagnostic.place.path = located(&diagnostic.place.path);
        for label in &mut diagnostic.labels {
            label.place.path = located(&label.place.path);
        }
    }
}

/// The policies of a root that was read. An error unless all files are right.
fn set_of(reading: Reading, root: &Path) -> anyhow::Result<PolicySet> {
    if !reading.broken.is_empty() {
        let files: Vec<_> = reading.broken.iter().map(String::as_str).collect();
        let message = format!(
            "{} in {}: nothing was done ({})",
            output::plural(files.len(), "broken file"),
            root.display(),
            files.join(", ")
        );
        return Err(Failure::new(Exit::Error, message).into());
    }
    let set = PolicySet::guarded(reading.policies, reading.guards, Demands::default());
    if set.is_empty() {
        let message = format!("{} has no CancelPolicy: is it the policy root?", root.display());
        return Err(Failure::new(Exit::Error, message).into());
    }
    Ok(set)
}

/// What the policy root of a one-shot verb says.
fn read(root: &Path, output: Output) -> anyhow::Result<Reading> {
    let tree = source::read(root, Limits::policies().bytes as u64).map_err(no_root)?;
    Ok(read_root(root, tree, output))
}

/// A root that cannot be read. One that is a file is a mistake in the arguments.
fn no_root(error: source::Error) -> anyhow::Error {
    match error {
        source::Error::NotARoot(_) => Failure::new(Exit::Usage, error.to_string()).into(),
        other => other.into(),
    }
}

/// The policies of a root for a one-shot verb, which does nothing unless all files are right.
fn load_root(root: &Path, output: Output) -> anyhow::Result<Arc<PolicySet>> {
    set_of(read(root, output)?, root).map(Arc::new)
}

/// The same, narrowed to the policies that were asked for.
fn load(root: &Root, output: Output) -> anyhow::Result<Arc<PolicySet>> {
    narrowed(set_of(read(&root.root, output)?, &root.root)?, root)
}

/// The same for a second look, without a word about each thing that is wrong.
fn load_again(root: &Root) -> anyhow::Result<Arc<PolicySet>> {
    let tree = source::read(&root.root, Limits::policies().bytes as u64).map_err(no_root)?;
    narrowed(set_of(interpret(tree), &root.root)?, root)
}

/// A set without the policies that were not asked for.
fn narrowed(set: PolicySet, root: &Root) -> anyhow::Result<Arc<PolicySet>> {
    if root.only.is_empty() {
        return Ok(Arc::new(set));
    }
    let mut names = std::collections::BTreeSet::new();
    for name in &root.only {
        let Some(policy) = set.iter().find(|policy| policy.name.as_str() == name) else {
            let known: Vec<_> = set.iter().map(|policy| policy.name.as_str()).collect();
            let message = format!("--only {name}: no such policy; there are {}", known.join(", "));
            return Err(Failure::new(Exit::Usage, message).into());
        };
        names.insert(policy.name.clone());
    }
    Ok(Arc::new(set.only(&names)))
}
