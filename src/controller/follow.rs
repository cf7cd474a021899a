//! Following the policy root: read, compare, adopt.
//!
//! What a root holds is adopted only after two equal looks in a row, so that a checkout in the middle is
//! not taken for a policy set. A file with an error loses nothing that was adopted: its policies stay
//! known, and wait. A root without files is not "no policies" but a root that is being replaced.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::apply::Stop;
use crate::clock::Clock;
use crate::controller::guards;
use crate::document::{self, Diagnostic, Limits, WrittenTest};
use crate::mutant::{self, Mutant};
use crate::policy::{Digest, Guard, Policy, PolicyName, PolicySet, Standing};
use crate::source::{self, Source, Tree};
use crate::state::State;
use crate::status::report::Reporter;

/// How often the root is read without any hint: events are known to be missed.
const POLL: Duration = Duration::from_secs(10);

/// The time between the two looks that have to be equal: longer than an editor takes to write a file,
/// or whatever copies files to write the next one.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);

/// For how long one read of the root may last: what nobody has seen for so long may have changed. Far more
/// than ten thousand files take on a slow disk.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// How many looks in a row have to equal the one before, where the last line of a file has no end: whoever
/// writes in place and is held up most likely stands within a line.
const EQUAL_UNFINISHED: usize = 8;

/// How many looks are taken at a root that keeps changing, before the next poll is waited for.
const LOOKS: usize = 20;

/// What is in force, and what it was made from.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The policies.
    pub set: Arc<PolicySet>,
    /// The tree that they were read from; none if that could not be read.
    pub tree: Option<Digest>,
    /// The files of the latest tree that was adopted whose last line has no end: they were quiet for long
    /// enough.
    pub unfinished: Unfinished,
}

/// Files whose last line has no end, each by its path and content.
pub type Unfinished = BTreeSet<Digest>;

/// What the files said.
#[derive(Debug, Default)]
pub struct Reading {
    /// The policies of files without an error.
    pub policies: Vec<Policy>,
    /// The guards of files without an error, retired ones too.
    pub guards: Vec<Guard>,
    /// The files whose policies wait.
    pub broken: BTreeSet<String>,
    /// Those of them that say that they have a guard, or something that is not known.
    pub unread_guards: BTreeSet<String>,
    /// Those of them, or directories, that do not say what they have.
    pub unreadable: BTreeSet<String>,
    /// The tests of files without an error. Nothing but `rescind test` asks for them.
    pub tests: Vec<WrittenTest>,
    /// The git revision of the files, if it is known.
    pub revision: Option<Arc<str>>,
    /// All that is wrong with what the files say.
    pub diagnostics: Vec<Diagnostic>,
    /// All that is wrong with the files.
    pub errors: Vec<source::Error>,
}

impl Reading {
    /// What the next set is made of.
    pub fn said(self) -> Said {
        let Self { policies, guards, broken, unread_guards, unreadable, .. } = self;
        Said { policies, guards, broken, unread_guards, unreadable }
    }
}

/// Reads what a tree's files say.
pub fn interpret(tree: Tree) -> Reading {
    let documents = document::read_at(&tree.files, &Limits::policies(), tree.revision.as_ref());
    let mut broken = documents.broken;
    broken.extend(tree.unreadable.keys().cloned());
    Reading {
        policies: documents.policies,
        guards: documents.guards,
        unread_guards: documents.unread_guards,
        unreadable: tree.unreadable.keys().cloned().chain(documents.unread).collect(),
        tests: documents.tests,
        broken,
        revision: tree.revision,
        diagnostics: documents.diagnostics,
        errors: tree.unreadable.into_values().collect(),
    }
}

/// What the files said that the next set is made of.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The policies of files without an error.
    pub policies: Vec<Policy>,
    /// The guards of files without an error, retired ones too.
    pub guards: Vec<Guard>,
    /// The files, or directories, whose policies wait.
    pub broken: BTreeSet<String>,
    /// Those of them that say that they have a guard, or something that is not known.
    pub unread_guards: BTreeSet<String>,
    /// Those of them, or directories, that do not say what they have.
    pub unreadable: BTreeSet<String>,
}

/// The set that follows `before`: what the good files say, and the policies of the broken ones (files,
/// or whole directories) as they were, waiting. A policy that moved from a broken file to a good one is
/// the good one's. A guard of `before` stays as it was unless a good file says something else of it. A
/// guard in a broken file of which nothing was ever read makes all policies wait, and so does a file of
/// which nobody ever knew what it has: it may have one.
pub fn adopt(before: &PolicySet, reading: Said) -> PolicySet {
    let Said { policies, guards, broken, unread_guards, unreadable } = reading;
    let names: BTreeSet<_> = policies.iter().map(|policy| policy.name.clone()).collect();
    let is_broken = |path: &str| {
        let mut ancestors = Path::new(path).ancestors();
        ancestors.any(|it| it.to_str().is_some_and(|it| broken.contains(it)))
    };
    let waits =
        |policy: &&Arc<Policy>| is_broken(&policy.origin.path) && !names.contains(&policy.name);
    let held: Vec<_> = before
        .iter()
        .filter(waits)
        .map(|policy| Policy { held: true, ..Policy::clone(policy) })
        .collect();
    let written: BTreeSet<PolicyName> = guards.iter().map(|guard| guard.name.clone()).collect();
    let kept: Vec<_> = before
        .guards()
        .filter(|guard| !written.contains(&guard.name) && !mutant::is(Mutant::GuardGoesWithFile))
        .map(|guard| {
            let broken = is_broken(&guard.origin.path);
            let standing = if broken { Standing::Broken } else { Standing::Missing };
            Guard { standing, ..Guard::clone(guard) }
        })
        .collect();
    let policies = policies.into_iter().chain(held);
    let guard_in = |path: &str| before.guards().any(|it| is_within(&it.origin.path, path));
    let known =
        |path: &str| guard_in(path) || before.iter().any(|it| is_within(&it.origin.path, path));
    // Of what was read before, nobody expects a guard that was not there.
    let blind = unread_guards.iter().any(|path| !guard_in(path))
        || unreadable.iter().any(|path| !known(path));
    let set = PolicySet::guarded(policies, guards.into_iter().chain(kept), before.demands());
    if blind { set.blind() } else { set }
}

/// Whether a path is that of a file or directory, or below it.
fn is_within(path: &str, of: &str) -> bool {
    Path::new(path).starts_with(of)
}

/// Puts what the source gives in force, again and again, until `stop` or until nobody listens.
pub async fn follow(
    mut source: Box<dyn Source>,
    mut adopted: Adopted,
    sender: watch::Sender<Arc<PolicySet>>,
    state: Arc<dyn State>,
    clock: Clock,
    reporter: Reporter,
    stop: Stop,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.on() => return,
            () = sender.closed() => return,
            () = source.hint() => {}
            () = sleep(POLL) => {}
        }
        match state.resume_asked(clock.now()).await {
            Ok(resumed) => {
                for (breaker, who) in &resumed {
                    tracing::warn!(%breaker, who, "a breaker was closed on request");
                }
                if !resumed.is_empty() {
                    // Another pass, of the same set.
                    sender.send_modify(|_| {});
                }
            }
            Err(error) => tracing::error!(%error, "it is not known which breakers to close"),
        }
        take_in(&mut *source, &mut adopted, &sender, &clock, &reporter).await;
        // After a look, which knows whether a file has such a guard still. If not, it is out of force at once: a pass
        // that began with it keeps none that is.
        match guards::forgotten(&*state, clock.now()).await {
            Ok(names) if names.is_empty() => {}
            Ok(names) => {
                let that_are = |set: &PolicySet, standing: Standing| -> BTreeSet<_> {
                    let guards = set.guards().filter(|it| it.standing == standing);
                    guards.map(|it| it.name.clone()).filter(|it| names.contains(it)).collect()
                };
                let missing = adopted.set.forgetting(&that_are(&adopted.set, Standing::Missing));
                put(&mut adopted, missing, None, &sender, None);
                // Read anew before the others go: a broken file of which no guard is known any more may have one.
                let broken = that_are(&adopted.set, Standing::Broken);
                adopted.set = Arc::new(adopted.set.forgetting(&broken));
                take_in(&mut *source, &mut adopted, &sender, &clock, &reporter).await;
            }
            Err(error) => tracing::error!(%error, "it is not known which guards to forget"),
        }
    }
}

/// Looks at the root, and puts in force what it says if that is new.
async fn take_in(
    source: &mut dyn Source,
    adopted: &mut Adopted,
    sender: &watch::Sender<Arc<PolicySet>>,
    clock: &Clock,
    reporter: &Reporter,
) {
    match look(source, &adopted.unfinished).await {
        Ok(tree)
            if Some(&tree.digest) == adopted.tree.as_ref()
                || mutant::is(Mutant::NothingIsAdopted) => {}
        Ok(tree) => {
            let digest = tree.digest.clone();
            adopted.unfinished = unfinished(&tree);
            let reading = interpret(tree);
            report(&reading);
            let broken = reading.broken.iter().cloned().collect();
            let revision = reading.revision.clone();
            let set = adopt(&adopted.set, reading.said());
            put(adopted, set, Some(digest), sender, None);
            reporter.root(&adopted.set, None, broken, revision.as_deref());
        }
        Err(error) => {
            let why = error.in_words();
            reporter.failed(clock.now(), &format!("the policy root cannot be read: {why}"));
            if adopted.tree.is_some() {
                tracing::error!(why, "the policy root cannot be read: its policies wait");
            }
            let of_policies = adopted.set.iter().map(|policy| policy.origin.path.to_string());
            let of_guards = adopted.set.guards().map(|guard| guard.origin.path.to_string());
            let all = of_policies.chain(of_guards).collect();
            let set = adopt(&adopted.set, Said { broken: all, ..Said::default() });
            put(adopted, set, None, sender, Some(&why));
            reporter.root(&adopted.set, Some(why), Vec::new(), None);
        }
    }
}

/// Logs what of a set waits, and what protects although no document says so. `unread` is why the root could
/// not be read at all, if it could not: its files are not to blame then.
pub fn tell(set: &PolicySet, unread: Option<&str>) {
    for policy in set.iter().filter(|policy| policy.held) {
        let (policy, origin) = (&policy.name, &policy.origin);
        match unread {
            None => tracing::warn!(%policy, %origin, "waits: its file has an error"),
            Some(why) => {
                tracing::warn!(%policy, %origin, why, "waits: the policy root cannot be read");
            }
        }
    }
    if set.is_blind() {
        tracing::error!(
            "a file with an error has, or may have, a guard that was never read: all policies wait"
        );
    }
    for guard in set.guards().filter(|guard| guard.standing != Standing::Written) {
        let although = match (guard.standing, unread) {
            (Standing::Broken, Some(_)) => "the policy root cannot be read".to_owned(),
            (standing, _) => standing.to_string(),
        };
        tracing::warn!(
            guard = %guard.name,
            origin = %guard.origin,
            "stays in force, although {although}: a guard ends by `retired` in its document, or by `rescind guard forget`",
        );
    }
}

fn put(
    adopted: &mut Adopted,
    set: PolicySet,
    tree: Option<Digest>,
    sender: &watch::Sender<Arc<PolicySet>>,
    unread: Option<&str>,
) {
    adopted.tree = tree;
    let changed = set.digest() != sender.borrow().digest();
    if changed {
        tell(&set, unread);
        tracing::info!(policies = set.len(), digest = set.digest().short(), "adopted");
    }
    // A set that means the same may stand in other files, whose errors must find its policies.
    adopted.set = Arc::new(set);
    sender.send_if_modified(|in_force| {
        *in_force = Arc::clone(&adopted.set);
        changed
    });
}

/// Reads until two looks in a row see the same, be it an error: the moment between two states of a root
/// can look like one. Files whose last line has no end have to stay the same for longer, but for those
/// that were `known`. As long as a git is at work there, nothing that is seen counts. A root that does not
/// come to rest is an error, and at once one that does not answer in time.
pub async fn look(source: &mut dyn Source, known: &Unfinished) -> Result<Tree, source::Error> {
    let mut last: Option<Digest> = None;
    let (mut equal, mut lock) = (0, None);
    for _ in 0..LOOKS {
        let Ok(seen) = timeout(READ_WITHIN, source.read()).await else {
            return Err(source::Error::Hangs(READ_WITHIN));
        };
        lock = match &seen {
            Ok(tree) => tree.lock.clone(),
            Err(source::Error::Locked(lock)) => Some(lock.clone()),
            Err(_) => None,
        };
        let digest = match &seen {
            _ if lock.is_some() => None,
            Ok(tree) => Some(tree.digest.clone()),
            Err(error) => Some(Digest::of(error.in_words().as_bytes())),
        };
        equal = if digest.is_some() && last == digest { equal + 1 } else { 0 };
        let is_unfinished = seen.as_ref().is_ok_and(|tree| !unfinished(tree).is_subset(known));
        if equal >= if is_unfinished { EQUAL_UNFINISHED } else { 1 } {
            return seen;
        }
        last = digest;
        sleep(BETWEEN_LOOKS).await;
    }
    Err(lock.map_or(source::Error::Restless, source::Error::Locked))
}

/// The files that somebody may be in the middle of writing.
pub fn unfinished(tree: &Tree) -> Unfinished {
    let files = tree.files.iter();
    let files = files.filter(|file| file.text.last().is_some_and(|last| *last != b'\n'));
    files.map(|file| Digest::of(&[file.path.as_bytes(), b"\n", &file.text].concat())).collect()
}

/// Logs what is wrong with the files.
pub fn report(reading: &Reading) {
    for error in &reading.errors {
        tracing::error!("{}", error.in_words());
    }
    for diagnostic in &reading.diagnostics {
        let at = &diagnostic.place;
        let place = format!("{}:{}:{}", at.path, at.line, at.column);
        let code = diagnostic.code.as_str();
        if diagnostic.is_error() {
            tracing::error!(code, place, "{}", diagnostic.message);
        } else {
            tracing::warn!(code, place, "{}", diagnostic.message);
        }
    }
}
