//! What AWS leaves open, and an emulator may do one way or the other.

use super::paging::PageTokens;
use super::signature::Credentials;

/// In which order a cancel is checked once the execution was found. AWS does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckOrder {
    /// `expectedVersion`, then the status (observed).
    #[default]
    VersionFirst,
    /// The status, then `expectedVersion`.
    StatusFirst,
}

/// How an emulator behaves where AWS does not say. The default of each is what was observed, or else
/// what is likeliest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// In which order a cancel is checked.
    pub check_order: CheckOrder,
    /// What becomes of page tokens when a list changes.
    pub page_tokens: PageTokens,
    /// `CancelJob` and `DeleteJob` are done when they return, not at 1000 executions a minute.
    pub at_once: bool,
    /// A job's abortConfig does not count CANCELED and REMOVED executions as executed.
    pub abort_ignores_canceled: bool,
    /// New statusDetails are merged into the old ones; by default they replace them.
    pub merge_details: bool,
    /// A device cannot reject what is in progress.
    pub reject_only_queued: bool,
    /// When a thing is deleted its QUEUED executions become REMOVED; by default they stay.
    pub deleted_things_are_removed: bool,
    /// `ListJobExecutionsForThing` of an unknown thing is a 404; by default it is an empty list.
    pub unknown_things_have_no_list: bool,
    /// Only requests that are signed with these are answered.
    pub verify_signatures: Option<Credentials>,
}
