//! `rescind diff`: what a change of the policies changes, over one observation. It cannot write.
//!
//! Each side is a directory or a git revision of the policy root, named as git names things; both are
//! only read.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args::{Diff as Args, DiffFormat};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::diff::{Shown, json, markdown, text, undecided};
use crate::cli::plan::{detailed, look_for, unlisted_error, verify};
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, ci, load_root, read_root, set_of};
use crate::document::Limits;
use crate::plan::difference::changes;
use crate::plan::words::explanation;
use crate::plan::{Depth, Memory, plan as decide};
use crate::policy::PolicySet;
use crate::source::git;

pub async fn diff(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        biased;
        exit = signals.next() => Ok(exit),
        result = compared(args, output) => result,
    }
}

/// A commit, and a root in it.
type Committed<'a> = (Arc<str>, &'a str);

/// One side of a comparison.
enum Side {
    Directory(PathBuf),
    /// A revision, and the root in it as git names a path: of the repository's root, or below the
    /// current directory where it begins with `./`.
    Revision {
        revision: String,
        path: String,
    },
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Revision { revision, path } => git::shown(revision, path).display().fmt(f),
        }
    }
}

impl Side {
    /// What a name means: a directory that is there, else `REV:PATH`, else the root in a revision.
    fn named(name: &str, root: &Path) -> anyhow::Result<Self> {
        if Path::new(name).exists() {
            return Ok(Self::Directory(name.into()));
        }
        match name.split_once(':') {
            Some((revision, path)) => {
                Ok(Self::Revision { revision: revision.to_owned(), path: path.to_owned() })
            }
            None => Self::at(name.to_owned(), root),
        }
    }

    /// The root in a revision.
    fn at(revision: String, root: &Path) -> anyhow::Result<Self> {
        if root.is_absolute() {
            let message = format!(
                "--root {}: in a revision the root is a path from here, like policies; or name it as \
                 {revision}:PATH",
                root.display()
            );
            return Err(Failure::new(Exit::Usage, message).into());
        }
        Ok(Self::Revision { revision, path: format!("./{}", root.display()) })
    }

    /// Its policies; of a revision also the commit, and the root in it.
    fn load(&self, output: Output) -> anyhow::Result<(Arc<PolicySet>, Option<Committed<'_>>)> {
        match self {
            Self::Directory(path) => Ok((load_root(path, output)?, None)),
            Self::Revision { revision, path } => {
                let shown = git::shown(revision, path);
                let limit = Limits::policies().bytes as u64;
                let tree = git::read(revision, path, &shown, limit).map_err(|error| {
                    let absent = if Path::new(revision).exists() { "" } else { ABSENT };
                    Failure::new(Exit::Error, format!("{revision}: {absent}{error}"))
                })?;
                let committed = tree.revision.clone().map(|commit| (commit, path.as_str()));
                Ok((Arc::new(set_of(read_root(&shown, tree, output), &shown)?), committed))
            }
        }
    }
}

const ABSENT: &str = "there is no such directory here, and ";

/// The sides that were asked for, as `git diff` would take them: two; `A..B`; `A...B`, from where the
/// two parted; one revision, against the root as it is here.
fn sides(args: &Args) -> anyhow::Result<[Side; 2]> {
    let (old, root) = (&args.old, &args.root);
    if let Some(new) = &args.new {
        return Ok([Side::named(old, root)?, Side::named(new, root)?]);
    }
    if Path::new(old).exists() {
        let message = format!("{old} is a directory: name the one to compare it with as well");
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let head = |name: &str| if name.is_empty() { "HEAD".to_owned() } else { name.to_owned() };
    if let Some((one, other)) = old.split_once("...") {
        let (one, other) = (head(one), head(other));
        let base = git::merge_base(&one, &other);
        let base = base.map_err(|error| Failure::new(Exit::Error, format!("{old}: {error}")))?;
        let short = base.get(..12).unwrap_or(&base).to_owned();
        return Ok([Side::at(short, root)?, Side::at(other, root)?]);
    }
    if let Some((one, other)) = old.split_once("..") {
        return Ok([Side::at(head(one), root)?, Side::at(head(other), root)?]);
    }
    Ok([Side::named(old, root)?, Side::Directory(root.clone())])
}

async fn compared(args: Args, output: Output) -> anyhow::Result<Exit> {
    let sides = sides(&args)?;
    let [old, new] = &sides;
    let [(one, before), (other, after)] = [old.load(output)?, new.load(output)?];
    if let Some((commit, _)) = before.filter(|it| Some(it) == after.as_ref()) {
        let short = commit.get(..12).unwrap_or(&commit);
        output.say(&format!(
            "Note: {old} and {new} are both commit {short}, so that nothing can differ: name two that \
             differ, or one alone, to compare it with the files here."
        ));
    }
    let sets = [one, other];
    let target = Session::scoped(&args.target, &sets[1]);
    let mut session = Session::open(&target, output).await?;
    session.learn_place(&args.state).await?;
    let [old, new] = sets;
    let sets = [session.keeping(old, &args.state).await?, session.keeping(new, &args.state).await?];
    // A policy that is changed begins anew to count for how long something has matched. That is no
    // difference to what it cancels then; and what a change cancels does not hang on the hour at which
    // somebody asks.
    let sets = sets.map(|set| Arc::new(set.in_the_end()));
    let memory = Memory::default();
    let inventory = look_for(&session, &sets, &memory).await?;
    let now = inventory.as_of.unwrap_or_else(|| session.clock.now());
    let [old, new] = sets.each_ref().map(|set| decide(set, &inventory, &memory, now, Depth::Exact));
    for (plan, set) in [(&old, &sets[0]), (&new, &sets[1])] {
        verify(plan, set, &inventory, &memory)?;
    }
    let changes = changes(&old, &new);
    let because: BTreeMap<_, _> = changes
        .iter()
        .filter_map(|change| {
            let line = new.lines.iter().find(|line| line.key == change.key)?;
            Some((change.key.clone(), explanation(line, &new, &inventory, &memory)))
        })
        .collect();
    let names = sides.each_ref().map(ToString::to_string);
    let names = [names[0].as_str(), names[1].as_str()];
    let shown = Shown {
        old: &old,
        new: &new,
        names,
        changes: &changes,
        inventory: &inventory,
        because: &because,
    };
    match args.form.output {
        DiffFormat::Text => output.result(&text(shown, output))?,
        DiffFormat::Json => output.json(&json(shown))?,
        DiffFormat::Markdown => output.result(&markdown(shown))?,
    }
    ci::summary(|| markdown(shown))?;
    let known = args.detailed_exitcode && !changes.is_empty();
    unlisted_error(&inventory, "comparison", known, output)?;
    if !args.detailed_exitcode {
        return Ok(Exit::Done);
    }
    detailed(!changes.is_empty(), undecided(shown), "anything changes")
}
