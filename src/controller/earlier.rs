//! What waits for an account to answer: what was left without an outcome, by an earlier process or as another
//! account answered this one, is settled beside the passes, and the guards in force are kept.
//!
//! Apart from the pass, since neither hangs on a policy: where none is in force any more, or none could be
//! read yet, AWS is asked for nothing but who answers, and only while something waits for that.

use super::log::Log;
use super::pass::{Course, With};
use super::{Controller, Error, guards};
use crate::apply::{Record, Watch as _};
use crate::execution::Account;
use crate::mutant::{self, Mutant};
use crate::plan::veto;
use crate::policy::PolicySet;
use crate::state::Open;

impl Controller {
    /// What is done once it is certain who answers, before anything is sent. Says whether the guards in
    /// force are kept.
    pub(super) async fn answers(
        &self,
        with: &With<'_>,
        course: &mut Course,
        policies: &PolicySet,
        answered: &Account,
    ) -> Result<bool, Error> {
        if let Some(wanted) = (self.elsewhere)(answered) {
            return Err(Error::Elsewhere { answered: answered.clone(), wanted });
        }
        if let Some(guard) = veto::out_of_scope(policies, answered) {
            let (answered, guard) = (answered.clone(), guard.name.to_string());
            return Err(Error::OutOfScope { answered, guard });
        }
        let now = self.clock.now();
        if let Err(error) = self.state.confirmed(now).await {
            tracing::error!(%error, "the ledger cannot be begun: nothing is sent");
            self.failed(&format!("the ledger cannot be begun: {error}"));
            return Ok(false);
        }
        // Here, where it is certain whose guards they are, and before anything is sent under them.
        let in_force = with.in_force.current();
        if let Err(error) = guards::keep(&*self.state, policies, &in_force, now).await {
            tracing::error!(%error, "the guards in force cannot be kept: nothing is sent");
            self.failed(&format!("the guards in force cannot be kept: {error}"));
            return Ok(false);
        }
        let open = self.waits_to_be_settled(course).await?;
        let first = !std::mem::replace(&mut course.settles_earlier, true);
        course.left_open.clear();
        self.settle_earlier(with, policies, answered, open, first);
        Ok(true)
    }

    /// A pass while no policy is in force. Says whether what waits could be done.
    pub(super) async fn without_policies(
        &self,
        with: &With<'_>,
        course: &mut Course,
        policies: &PolicySet,
    ) -> Result<bool, Error> {
        let open = self.waits_to_be_settled(course).await?;
        if open.is_empty() && guards::are_kept(&*self.state, policies).await? {
            return Ok(true);
        }
        let mut account = Ok(self.settler.answered(&open, with.stop).await);
        if let Ok(None) = account {
            account = tokio::select! {
                biased;
                () = with.stop.on() => Ok(None),
                account = self.collector.account() => account,
            };
        }
        match account {
            Ok(Some(account)) => self.answers(with, course, policies, &account).await,
            Ok(None) => Ok(true),
            Err(error) => {
                tracing::error!(%error, "which account answers is not known: what an earlier process left, and new guards, wait");
                self.failed(&format!("which account answers is not known: {error}"));
                Ok(false)
            }
        }
    }

    /// The intents that are to be settled once it is certain who answers: at first all that an earlier process has
    /// left, and then what this one has left open itself.
    pub(super) async fn waits_to_be_settled(&self, course: &Course) -> Result<Vec<Open>, Error> {
        if course.settles_earlier && course.left_open.is_empty() {
            return Ok(Vec::new());
        }
        let mut open = self.state.open().await?;
        open.retain(|it| !course.settles_earlier || course.left_open.contains(&it.intent.key));
        Ok(open)
    }

    /// Hands over the settling of what was left open: other work goes on beside it.
    fn settle_earlier(
        &self,
        with: &With<'_>,
        policies: &PolicySet,
        account: &Account,
        open: Vec<Open>,
        of_earlier_process: bool,
    ) {
        if open.is_empty() || mutant::is(Mutant::NoSettling) {
            return;
        }
        let intents = open.len();
        if of_earlier_process {
            tracing::warn!(
                intents,
                "an earlier process left cancels without an outcome: settling them"
            );
        } else {
            tracing::warn!(intents, "cancels were left without an outcome: settling them");
        }
        let (settler, stop, account) = (self.settler.clone(), with.stop.clone(), account.clone());
        let skew = policies.thresholds().clock_skew;
        let log = Log::new(self.reporter.clone(), self.clock.clone(), 0);
        let settling = async move {
            let told = |record: &Record| log.ended(record, 0);
            let left = settler.settle(open, &account, skew, true, &stop, told).await;
            if left > 0 {
                tracing::warn!(left, "cancels stay open until the next start");
            }
            Vec::new()
        };
        // Nobody listens only once the loop has ended.
        let _ = with.hand_over.send(Box::pin(settling));
    }
}
