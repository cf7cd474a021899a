//! The breakers in the loop: what a pass saw is taken in, and what opened or closed is told.

use super::Controller;
use crate::plan::Plan;
use crate::plan::breaker::{Change, Health};
use crate::policy::PolicySet;

impl Controller {
    /// Takes in what a plan saw, before anything of it is sent.
    pub(super) async fn weigh(&self, plan: &Plan) {
        let thresholds = plan.policies.thresholds();
        match self.state.weigh(&plan.health, &thresholds, plan.now).await {
            Ok(changes) => changes.iter().for_each(|change| self.told(change)),
            // What is open stays so in this process; the next look writes it.
            Err(error) => {
                tracing::error!(%error, "what the breakers counted cannot be written");
                self.failed(&format!("what the breakers counted cannot be written: {error}"));
            }
        }
    }

    fn told(&self, Change { breaker, opened, why }: &Change) {
        if *opened {
            tracing::error!(%breaker, why, "a breaker opened: nothing is sent until it is closed");
            self.failed(&format!("breaker {breaker} opened: {why}"));
        } else {
            tracing::warn!(%breaker, why, "a breaker closed");
        }
    }

    /// Reports where the breakers stand after something was sent.
    pub(super) fn report_breakers(&self, policies: &PolicySet) {
        let health = Health { skew: self.clock.skew(), ..Health::default() };
        let (thresholds, now) = (policies.thresholds(), self.clock.now());
        self.reporter.breakers(&self.state.breakers().states(&health, &thresholds, now));
    }
}
