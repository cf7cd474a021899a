//! For how long something has matched, stated a second time: in nanoseconds, from the sighting alone.

use super::Seen;
use crate::fact::Fact;
use crate::plan::Memory;
use crate::policy::Policy;

impl Seen<'_> {
    /// Whether a policy that asks for it has surely seen this very execution, unmoved, for long enough,
    /// and lately.
    pub(super) fn has_matched_long_enough(&self, policy: &Policy, memory: &Memory) -> bool {
        let Some(period) = policy.stable_for else { return true };
        let now = self.now.as_nanosecond();
        memory.sightings.iter().any(|((digest, key), sighting)| {
            let described = self.row.described.known();
            let version = described.and_then(|it| it.version.known().copied());
            let moved = version.is_some()
                && sighting.stamp.version.is_some()
                && version != sighting.stamp.version;
            *digest == policy.digest
                && *key == self.line.key
                && self.row.number == Fact::Known(sighting.stamp.number)
                && self.row.times.last_updated_at() == Fact::Known(sighting.stamp.last_updated_at)
                && !moved
                && now < sighting.until.as_nanosecond()
                && now - sighting.since.as_nanosecond() >= period.get().as_nanos()
        })
    }
}
