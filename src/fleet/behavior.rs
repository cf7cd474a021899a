//! How a device behaves by itself, checked.
//!
//! Only durations and weights; when something happens is for the emulator to work out.

use jiff::SignedDuration;

use super::shapes::FleetEndings;

/// How a device behaves. All durations are whole seconds, one or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behavior {
    /// From the moment at which an execution waits for it to the start.
    pub picks_up_after: SignedDuration,
    /// From the start to the success.
    pub takes: SignedDuration,
    /// Between two reports of progress.
    pub reports_every: SignedDuration,
    /// The phases of its work, each as long as the others.
    pub phases: Vec<String>,
    /// How its work ends, by weight; one of them is more than 0.
    pub ends: FleetEndings,
    /// The phase in which it hangs, as an index of `phases`; none means any.
    pub hangs_in: Option<usize>,
    /// By how many percent its times may differ, 0 to 90.
    pub vary_percent: u8,
    /// How long it stays connected; none means for ever.
    pub online_for: Option<SignedDuration>,
    /// How long it stays away; none means for ever.
    pub offline_for: Option<SignedDuration>,
}
