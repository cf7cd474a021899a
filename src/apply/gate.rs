//! The last question, asked after the request was signed and before its bytes go out.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::judge::{NO_SCOPE, why};
use super::{DESCRIBE_FRESH, Stop, lock};
use crate::backend::Gate;
use crate::clock::{Clock, Moment};
use crate::execution::{Account, ExecutionKey};
use crate::inventory::{Job, ObservedExecution, Thing};
use crate::mutant::{self, Mutant};
use crate::plan::clause::Facts;
use crate::plan::in_force::{Judgement, Ruling, judge};
use crate::plan::{InForce, Sightings, budget};
use crate::policy::{Policy, guard};
use crate::state::State;

/// Why nothing at all may be sent, whatever is in force, for as long as this process is cut off from AWS's
/// time or from its state.
pub(super) fn cut_off(clock: &Clock, state: &dyn State) -> Option<&'static str> {
    if !clock.is_confirmed() {
        Some("AWS's clock has not been seen for a minute")
    } else if !state.is_held() {
        Some("the state is no longer held by this process")
    } else {
        None
    }
}

/// What was judged, and what must still hold.
pub(super) struct SendGate {
    pub in_force: Arc<dyn InForce>,
    pub state: Arc<dyn State>,
    pub clock: Clock,
    pub stop: Stop,
    /// When the describe went out.
    pub described: Moment,
    pub key: ExecutionKey,
    pub job: Job,
    pub row: ObservedExecution,
    pub thing: Option<Thing>,
    pub account: Option<Account>,
    /// The policy by whose budget the intent was charged.
    pub planned: Arc<Policy>,
    /// The budgets of guards to which it was charged.
    pub guards: Arc<[guard::Budget]>,
    /// What policies have seen to match before.
    pub sightings: Arc<Sightings>,
    pub ruling: Ruling,
    /// Why the answer was no.
    pub refusal: Mutex<Option<Refusal>>,
}

/// Why the answer was no.
pub(super) enum Refusal {
    /// It does not hold any more.
    Withdrawn(String),
    /// It is not known that the credentials by which it is signed are those of the account that was
    /// described: they are another's, or were renewed since.
    Signer,
}

impl SendGate {
    fn refusal(&self, signed_for: Option<&Account>) -> Option<Refusal> {
        let forbidden = self.forbidden().map(Refusal::Withdrawn);
        let is_theirs = signed_for.is_some() && signed_for == self.account.as_ref();
        forbidden.or_else(|| (!is_theirs).then_some(Refusal::Signer))
    }

    fn forbidden(&self) -> Option<String> {
        if self.stop.is_on() {
            return Some("stopped at the last moment".to_owned());
        }
        if self.clock.since(self.described) > DESCRIBE_FRESH {
            return Some("it was described too long ago".to_owned());
        }
        if let Some(why) = cut_off(&self.clock, &*self.state) {
            return Some(why.to_owned());
        }
        if let Some(why) = self.state.paused().filter(|_| !mutant::is(Mutant::SwitchNotAsked)) {
            return Some(format!("paused: {why}"));
        }
        let (policies, now) = (self.in_force.current(), self.clock.now());
        let skew = self.clock.skew();
        if let Some((breaker, why)) =
            self.state.breakers().first_open(skew, &policies.thresholds(), now)
        {
            return Some(format!("breaker {breaker} is open: {why}"));
        }
        let (key, job, row) = (&self.key, &self.job, &self.row);
        let (thing, account) = (self.thing.as_ref(), self.account.as_ref());
        let facts = Facts { key, job, row, thing, account };
        match judge(&policies, &facts, &self.sightings, now) {
            Judgement::Cancel(now)
                if now.policy.name == self.ruling.policy.name
                    && now.force == self.ruling.force
                    && now.version == self.ruling.version
                    && now.number == self.ruling.number
                    && budget::is_within(&self.planned, &now.policy) =>
            {
                let within = budget::is_within_guards(&self.guards, &policies, now.force);
                (!within).then(|| "the guards allow less now".to_owned())
            }
            Judgement::Cancel(now) => {
                Some(format!("policy {} would now cancel it otherwise", now.policy.name))
            }
            Judgement::Keep { policy: Some(policy), verdict } => {
                Some(why(verdict, &policies, &policy, &facts, now))
            }
            Judgement::Keep { policy: None, .. } => Some(NO_SCOPE.to_owned()),
        }
    }
}

impl Gate for SendGate {
    fn may_send(&self, account: Option<&Account>) -> bool {
        let refusal = self.refusal(account).filter(|_| !mutant::is(Mutant::NoGate));
        let may = refusal.is_none();
        *lock(&self.refusal) = refusal;
        may
    }
}

impl fmt::Debug for SendGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGate").field("key", &self.key).finish_non_exhaustive()
    }
}
