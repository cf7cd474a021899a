//! What an earlier process left without an outcome is settled beside the passes.

use tokio::sync::mpsc;

use super::log::Log;
use super::{Applying, Controller, Error};
use crate::apply::{Stop, Watch as _};
use crate::mutant::{self, Mutant};

impl Controller {
    /// Hands over the settling of what an earlier process has left: other work goes on beside it.
    pub(super) async fn settle_earlier(
        &self,
        stop: &Stop,
        hand_over: &mpsc::UnboundedSender<Applying>,
    ) -> Result<(), Error> {
        let open = self.state.open().await?;
        if open.is_empty() || mutant::is(Mutant::NoSettling) {
            return Ok(());
        }
        tracing::warn!(
            intents = open.len(),
            "an earlier process left cancels without an outcome: settling them"
        );
        let (settler, stop) = (self.settler.clone(), stop.clone());
        let log = Log::new(self.reporter.clone());
        let settling = async move {
            let left = settler.settle(open, true, &stop, |record| log.ended(record, 0)).await;
            if left > 0 {
                tracing::warn!(left, "earlier cancels stay open until the next start");
            }
            Vec::new()
        };
        // Nobody listens only once the loop has ended.
        let _ = hand_over.send(Box::pin(settling));
        Ok(())
    }
}
