//! What a fleet says of devices that live: see [`FleetBehavior`].

use schemars::JsonSchema;
use serde::Deserialize;

/// How a device behaves by itself. The emulator lets it start, report and end its executions as a real
/// device would, by the emulator's own clock. What is drawn is drawn from the fleet's `seed`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetBehavior {
    /// How long it takes until it starts what waits for it. Default: 1m.
    #[serde(default)]
    pub picks_up_after: Option<String>,
    /// How long it works on an execution until it succeeds. Default: 10m.
    #[serde(default)]
    pub takes: Option<String>,
    /// How often it reports its progress meanwhile, as `progress` in its statusDetails. Default: 1m.
    #[serde(default)]
    pub reports_every: Option<String>,
    /// The phases of its work, each as long as the others, reported as `phase`. Default: none.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub phases: Vec<String>,
    /// How its work ends. Default: it succeeds.
    #[serde(default)]
    pub ends: Option<FleetEndings>,
    /// The phase in which it hangs when it hangs. Default: any.
    #[serde(default)]
    pub hangs_in: Option<String>,
    /// By how many percent, drawn, each of its times may be shorter or longer, 0 to 90. Default: 0.
    #[serde(default)]
    #[schemars(range(max = 90))]
    pub vary_percent: u8,
    /// How long it stays connected. Default: for ever.
    #[serde(default)]
    pub online_for: Option<String>,
    /// How long it then stays away. Default: for ever.
    #[serde(default)]
    pub offline_for: Option<String>,
}

/// How the work on an execution ends, each with its weight: `{succeeds: 8, hangs: 2}` hangs twice in ten
/// times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetEndings {
    /// SUCCEEDED, when it has worked as long as it takes. Default: 0.
    #[serde(default)]
    pub succeeds: u16,
    /// FAILED, somewhere on the way. Default: 0.
    #[serde(default)]
    pub fails: u16,
    /// REJECTED, instead of a start. Default: 0.
    #[serde(default)]
    pub rejects: u16,
    /// Never: it stays IN_PROGRESS and silent until something else ends it. Default: 0.
    #[serde(default)]
    pub hangs: u16,
}
