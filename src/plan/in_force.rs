//! May this still be sent? The question that is asked at the moment of the cancel.

use std::sync::Arc;

use crate::policy::PolicySet;

/// The policies that are in force now.
pub trait InForce: Send + Sync + std::fmt::Debug {
    /// The set that is loaded now. Does not wait.
    fn current(&self) -> Arc<PolicySet>;
}
