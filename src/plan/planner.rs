//! Verdicts become one decision an execution.

use jiff::Timestamp;

use crate::inventory::Inventory;
use crate::plan::{Depth, Memory, Plan};
use crate::policy::PolicySet;

/// What is to be done about each execution in scope at `now`, and why.
#[expect(clippy::todo, reason = "stub")]
pub fn plan(
    policies: &PolicySet,
    inventory: &Inventory,
    memory: &Memory,
    now: Timestamp,
    depth: Depth,
) -> Plan {
    let _ = (policies, inventory, memory, now, depth);
    todo!()
}
