//! What follows when a client can't go on: a new one, after a backoff.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode as Code;

use super::{Arrival, Entry, Poller, ROUND};
use crate::error::{EngineError, panic_text};
use crate::events::{EngineEvent, ErrorSeverity};
use crate::group::{GroupCommand, GroupShared};
use crate::settings::GroupSettings;
use crate::severity::{Recovery, recovery};

/// First and longest wait before a new client.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// A client that lived so long was well: the backoff begins anew.
const WELL: Duration = Duration::from_secs(120);
/// Panics in a row after which the engine counts as crashed: the same would happen again.
const MOST_PANICS: u32 = 5;

/// Why a client can't go on.
#[derive(Debug)]
pub(super) struct Outage {
    pub(super) code: i32,
    pub(super) message: String,
    cause: Cause,
}

#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// A bug of the engine.
    Panic,
    /// Brokers or settings, which may be mended.
    Kafka(Recovery),
}

impl Outage {
    pub(super) fn panicked(group: &GroupShared, panic: &(dyn Any + Send)) -> Self {
        let message = format!("{}: poll thread panicked: {}", group.config.id, panic_text(panic));
        Self { code: 0, message, cause: Cause::Panic }
    }

    pub(super) fn fatal(group: &GroupShared, code: Code, reason: &str) -> Self {
        Self::unusable(group, code, &format!("fatal error of the Kafka client: {reason}"))
    }

    pub(super) fn unusable(group: &GroupShared, code: Code, reason: &str) -> Self {
        Self { code: code as i32, message: group.explain(code, reason), cause: Cause::Kafka(recovery(code)) }
    }

    pub(super) fn outdated(group: &GroupShared) -> Self {
        let message =
            format!("{}: the files of its `ssl.` settings have changed since they were read", group.config.id);
        Self { code: Code::SSL as i32, message, cause: Cause::Kafka(Recovery::Rejoin) }
    }

    pub(super) fn refused(error: &EngineError) -> Self {
        Self { code: error.code(), message: error.to_string(), cause: Cause::Kafka(Recovery::Rejoin) }
    }

    pub(super) fn severity(&self) -> ErrorSeverity {
        ErrorSeverity::Critical
    }
}

/// How long to wait before the next client, and how often that was done.
#[derive(Debug, Default)]
struct Retries {
    in_a_row: u32,
    panics: u32,
}

impl Retries {
    /// The wait after a client that lived so long; `None` when there is to be no other.
    fn after(&mut self, outage: &Outage, lived: Duration) -> Option<Duration> {
        if lived >= WELL {
            *self = Self::default();
        }
        if outage.cause == Cause::Panic {
            self.panics += 1;
        }
        let backoff = BACKOFF.0.saturating_mul(1 << self.in_a_row.min(16)).min(BACKOFF.1);
        self.in_a_row += 1;
        (self.panics < MOST_PANICS).then_some(backoff)
    }
}

/// The poll thread. Whatever ends it, the group counts as closed then: a stop does not wait for it.
pub(super) fn run(poller: Poller) {
    let group = Arc::clone(&poller.group);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| serve(&group, poller))) {
        group.hub().crash();
        let text = panic_text(&*panic);
        group.report(ErrorSeverity::Critical, 0, format!("{}: the poll thread panicked: {text}", group.config.id));
    }
    group.hub().events.push(EngineEvent::GroupStopped { group: group.index });
    group.closed();
}

/// One client after another, until the group is closed.
fn serve(group: &Arc<GroupShared>, mut poller: Poller) {
    let (mut entry, mut retries) = (Entry::Join, Retries::default());
    loop {
        let began = Instant::now();
        let (outage, settings, arrival) = poller.live(entry);
        let Some(outage) = outage else { break };
        let Some(next) = replace(group, &settings, arrival, outage, &mut retries, began.elapsed()) else { break };
        (poller, entry) = next;
    }
}

/// Waits and makes a new client; `None` when there is to be none.
fn replace(
    group: &Arc<GroupShared>,
    settings: &GroupSettings,
    arrival: Arrival,
    mut outage: Outage,
    retries: &mut Retries,
    mut lived: Duration,
) -> Option<(Poller, Entry)> {
    let arrival = match arrival {
        Arrival::First => Arrival::First,
        Arrival::Return(_) => Arrival::Return(Instant::now()),
    };
    loop {
        let entry = match outage.cause {
            Cause::Kafka(Recovery::AwaitInstance) if settings.instance_id().is_some() => Entry::AwaitInstance,
            _ => Entry::Join,
        };
        let backoff = retries.after(&outage, std::mem::take(&mut lived));
        if backoff.is_none() {
            group.hub().crash();
        }
        tell(group, outage, backoff);
        let backoff = backoff?;
        if rest(group, Instant::now() + backoff) == Rest::CloseAsked {
            return None;
        }
        match Poller::new(Arc::clone(group), settings.clone(), arrival) {
            Ok(poller) => return Some((poller, entry)),
            Err(error) => outage = Outage::refused(&error),
        }
    }
}

fn tell(group: &GroupShared, outage: Outage, backoff: Option<Duration>) {
    let Outage { code, message, .. } = outage;
    group.lost_client(&message);
    let retry_in_ms = backoff.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    group.hub().events.push(EngineEvent::GroupFailed { group: group.index, code, message, retry_in_ms });
}

#[derive(PartialEq, Eq)]
enum Rest {
    Over,
    CloseAsked,
}

/// Waits until this time, and for the jobs that run.
fn rest(group: &GroupShared, until: Instant) -> Rest {
    loop {
        group.polled();
        if group.take_commands().iter().any(|command| matches!(command, GroupCommand::Close(_))) {
            return Rest::CloseAsked;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && group.is_drained() {
            return Rest::Over;
        }
        group.wait_for_command(if left.is_zero() { ROUND } else { left.min(ROUND) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(cause: Cause) -> Outage {
        Outage { code: 0, message: String::new(), cause }
    }

    #[test]
    fn the_backoff_doubles_up_to_its_longest_and_begins_anew_after_a_client_that_was_well() {
        let (mut retries, refused) = (Retries::default(), outage(Cause::Kafka(Recovery::Rejoin)));
        let waits: Vec<_> = (0..7).map(|_| retries.after(&refused, Duration::ZERO).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(retries.after(&refused, WELL), Some(BACKOFF.0));
    }

    #[test]
    fn panics_in_a_row_are_given_up_on() {
        let (mut retries, panic) = (Retries::default(), outage(Cause::Panic));
        let tries = (0..MOST_PANICS).filter_map(|_| retries.after(&panic, Duration::ZERO)).count();
        assert_eq!(tries, 4);
        assert!(retries.after(&panic, WELL).is_some());
    }
}
