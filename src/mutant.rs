//! The protocol, broken on purpose: for the simulator, whose judge has to notice each of these ways.
//!
//! Apart from everything else, so that one word finds each place that asks. Without the feature `mutants`,
//! which no release is built with, every question is answered no when the program is compiled.

/// A way to break the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// The version is left out of the request.
    NoExpectedVersion,
    /// A listed row is acted on without a describe.
    NoDescribe,
    /// Force is sent for what was judged QUEUED.
    ForceForQueued,
    /// A unit is taken when the answer comes, not with the intent.
    BudgetOnReply,
    /// What was spent is forgotten with the process.
    BudgetInMemory,
    /// A ledger that knows nothing of the past begins with nothing spent.
    UnknownPastIsFree,
    /// The outcome is written before the cancel is sent.
    OutcomeFirst,
    /// The intent is written after the cancel was sent.
    IntentLast,
    /// The policies are those of the beginning of the pass.
    PoliciesOncePerPass,
    /// Nothing is asked after the intent.
    NoGate,
    /// Ages are by the machine's clock.
    LocalClock,
    /// A throttled cancel has failed.
    ThrottleFails,
    /// What an earlier process has left open stays open.
    NoSettling,
    /// An unmoved execution settles a lost call at once.
    NoFlightTime,
    /// A lost call is settled by the latest execution, whichever that is.
    NoExecutionNumber,
    /// The client repeats what was lost by itself.
    RetryingClient,
    /// A list is read a page a pass.
    CancelWhilePaging,
    /// What cannot be read is taken for absent.
    UnreadableIsAbsent,
    /// A guard goes with its file.
    GuardGoesWithFile,
    /// What matches in one look has matched for long enough.
    OneLookIsEnough,
    /// Nobody asks whether AWS could abort the job.
    NoAbortRisk,
    /// A 5xx is taken for a cancel that had no effect.
    UnavailableIsNoEffect,
    /// The stop switch is not asked in the last moment.
    SwitchNotAsked,
    /// What the files say after the start is not adopted.
    NothingIsAdopted,
    /// A budget that halts lets go what it allows.
    HaltGoesOn,
    /// No breaker opens.
    BreakersStayShut,
}

impl Mutant {
    /// Every variant.
    pub const ALL: [Self; 26] = [
        Self::NoExpectedVersion,
        Self::NoDescribe,
        Self::ForceForQueued,
        Self::BudgetOnReply,
        Self::BudgetInMemory,
        Self::UnknownPastIsFree,
        Self::OutcomeFirst,
        Self::IntentLast,
        Self::PoliciesOncePerPass,
        Self::NoGate,
        Self::LocalClock,
        Self::ThrottleFails,
        Self::NoSettling,
        Self::NoFlightTime,
        Self::NoExecutionNumber,
        Self::RetryingClient,
        Self::CancelWhilePaging,
        Self::UnreadableIsAbsent,
        Self::GuardGoesWithFile,
        Self::OneLookIsEnough,
        Self::NoAbortRisk,
        Self::UnavailableIsNoEffect,
        Self::SwitchNotAsked,
        Self::NothingIsAdopted,
        Self::HaltGoesOn,
        Self::BreakersStayShut,
    ];
}

/// Whether one is chosen that the check of each plan would stop: it lets it pass, since it is the simulator's
/// judge that has to notice.
pub fn is_unchecked() -> bool {
    [Mutant::OneLookIsEnough, Mutant::NoAbortRisk, Mutant::HaltGoesOn, Mutant::BreakersStayShut]
        .into_iter()
        .any(is)
}

/// Whether this one is chosen.
#[cfg(not(feature = "mutants"))]
pub const fn is(_: Mutant) -> bool {
    false
}

#[cfg(feature = "mutants")]
pub use chosen::{choose, is};

#[cfg(feature = "mutants")]
mod chosen {
    use std::cell::Cell;

    use super::Mutant;

    thread_local! {
        static CHOSEN: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// What a search in a binary finds.
    #[used]
    static IN_THIS_BINARY: &str = "rescind: the protocol can be broken on purpose";

    /// Chooses for this thread, on which the whole simulation runs.
    pub fn choose(mutant: Option<Mutant>) {
        CHOSEN.set(mutant);
    }

    /// Whether this one is chosen.
    pub fn is(mutant: Mutant) -> bool {
        CHOSEN.get() == Some(mutant)
    }
}
