//! What a partition ought to do, in as few words as possible.

use std::collections::BTreeSet;

use super::broker::{Broker, LATEST};
use crate::config::OffsetManagement;
use crate::lease::{Job, Lease};
use crate::partition::settling::REPEATED_AT_ONCE;
use crate::phase::Hook;

pub(super) type Checked = Result<(), String>;

/// Fails with a text unless something is so.
macro_rules! ensure {
    ($so:expr, $($text:tt)+) => {
        if !$so {
            return Err(format!($($text)+));
        }
    };
}
pub(super) use ensure;

/// A pause that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pausing {
    No,
    Timed,
    ForEver,
}

/// How far a partition is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Going {
    Stays,
    Leaves(Hook),
    Gone,
}

/// Where delivery goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    At(i64),
    /// Where the broker finds the end when it is asked, after so many seeks.
    End(usize),
}

/// A lease that is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    pub(super) job: Job,
    pub(super) span: Option<(i64, i64)>,
}

#[derive(Debug)]
pub(super) struct Model {
    offsets: OffsetManagement,
    pub(super) place: Place,
    pub(super) next: Option<i64>,
    wanted: Option<Place>,
    pub(super) pausing: Pausing,
    user_paused: bool,
    pub(super) failures: u32,
    interruptions: u32,
    pub(super) out: Option<Out>,
    pub(super) lost: bool,
    pub(super) going: Going,
    has_consumer: bool,
    /// Every mark that counted, as the offset behind it.
    marks: BTreeSet<i64>,
    pub(super) last_mark: Option<i64>,
}

impl Model {
    pub(super) fn new(offsets: OffsetManagement, start: i64) -> Self {
        Self {
            offsets,
            place: Place::At(start),
            next: None,
            wanted: None,
            pausing: Pausing::No,
            user_paused: false,
            failures: 0,
            interruptions: 0,
            out: None,
            lost: false,
            going: Going::Stays,
            has_consumer: false,
            marks: BTreeSet::new(),
            last_mark: None,
        }
    }

    // ---- what the partition does ------------------------------------------------------------------------------

    pub(super) fn granted(&mut self, lease: &Lease, broker: &Broker, most: usize) -> Checked {
        ensure!(self.out.is_none(), "a second lease while {:?} is out", self.out);
        ensure!(lease.attempt() == self.failures + 1, "attempt {} after {} failures", lease.attempt(), self.failures);
        match (lease.job(), self.going) {
            (Job::Consume | Job::Eofed, Going::Stays) => {
                ensure!(self.pausing == Pausing::No, "a lease during a pause");
                self.has_consumer = true;
                self.user_paused = false;
            }
            (Job::Revoked, Going::Leaves(Hook::Revoked)) | (Job::Shutdown, Going::Leaves(Hook::Shutdown)) => {
                ensure!(self.has_consumer, "a hook for nobody");
            }
            (job, going) => return Err(format!("a {} lease of a partition that is {going:?}", job.name())),
        }
        let span = lease.batch().first_offset().zip(lease.batch().last_offset());
        if lease.job() == Job::Consume {
            self.check_batch(lease, broker, most)?;
        }
        ensure!(span.is_some() == (lease.job() == Job::Consume), "a {} lease of {span:?}", lease.job().name());
        self.out = Some(Out { job: lease.job(), span });
        Ok(())
    }

    fn check_batch(&mut self, lease: &Lease, broker: &Broker, most: usize) -> Checked {
        let batch = lease.batch();
        let offsets: Vec<i64> = (0..batch.len()).filter_map(|i| batch.offset(i)).collect();
        let start = self.start(broker)?;
        let expected = broker.messages_from(start);
        ensure!(!offsets.is_empty() && offsets.len() <= most, "a batch of {}", offsets.len());
        ensure!(
            expected.starts_with(&offsets),
            "delivered {offsets:?} instead of {:?}",
            &expected[..expected.len().min(offsets.len())]
        );
        if let (Some(first), Some(last)) = (offsets.first(), offsets.last()) {
            self.next.get_or_insert(*first);
            self.place = Place::At(last + 1);
        }
        Ok(())
    }

    /// Whether everything that is in the log from where delivery goes on was delivered.
    pub(super) fn is_at_the_end(&self, broker: &Broker) -> bool {
        self.start(broker).is_ok_and(|start| broker.messages_from(start).is_empty())
    }

    /// The offset that delivery goes on at.
    fn start(&self, broker: &Broker) -> Result<i64, String> {
        match self.place {
            Place::At(offset) => Ok(offset),
            Place::End(seeks) if broker.seeks > seeks => Ok(broker.sought.unwrap_or_default()),
            Place::End(_) => Err("nobody asked for the end".into()),
        }
    }

    pub(super) fn committed(&self, stores: &[i64], commits: &[i64]) -> Checked {
        ensure!(!self.lost || (stores.is_empty() && commits.is_empty()), "committed after the loss");
        ensure!(stores.iter().all(|offset| self.marks.contains(offset)), "stored {stores:?}, which nobody marked");
        ensure!(
            commits.iter().all(|offset| Some(*offset) == self.last_mark),
            "committed {commits:?}, marked {:?}",
            self.last_mark
        );
        Ok(())
    }

    /// What was committed when the partition has gone.
    pub(super) fn departed(&self, committed: Option<i64>) -> Checked {
        ensure!(self.out.is_none(), "gone with a lease");
        ensure!(
            self.lost || self.last_mark.is_none() || committed == self.last_mark,
            "left with {committed:?} committed and {:?} marked",
            self.last_mark
        );
        Ok(())
    }

    // ---- what is asked of it ----------------------------------------------------------------------------------

    /// Whether a mark counts.
    pub(super) fn mark(&mut self, offset: i64) -> bool {
        if !self.lost && self.next.is_some() {
            self.next = Some(offset + 1);
            self.last_mark = Some(offset + 1);
            self.marks.insert(offset + 1);
        }
        !self.lost
    }

    fn stays(&self) -> bool {
        !self.lost && self.going == Going::Stays
    }

    pub(super) fn pause(&mut self, offset: Option<i64>, pausing: Pausing) {
        if self.stays() {
            (self.pausing, self.user_paused) = (pausing, true);
            if let Some(offset) = offset {
                self.want(Place::At(offset));
            }
        }
    }

    pub(super) fn seek(&mut self, target: i64, broker: &Broker) {
        if self.stays() {
            self.want(match target {
                LATEST => Place::End(broker.seeks),
                offset => Place::At(offset.max(0)),
            });
        }
    }

    fn want(&mut self, place: Place) {
        if self.out.is_some() { self.wanted = Some(place) } else { self.place = place }
    }

    pub(super) fn depart(&mut self, hook: Hook) {
        if self.going == Going::Stays {
            self.going = if self.out.is_some() || self.has_consumer { Going::Leaves(hook) } else { Going::Gone };
            (self.pausing, self.wanted) = (Pausing::No, None);
        }
    }

    // ---- the end of a lease -----------------------------------------------------------------------------------

    fn settle(&mut self) -> Option<Out> {
        let out = self.out.take()?;
        self.interruptions = 0;
        if matches!(out.job, Job::Revoked | Job::Shutdown) {
            self.going = Going::Gone;
        }
        Some(out)
    }

    pub(super) fn succeeded(&mut self) {
        let Some(out) = self.settle() else { return };
        if let (Job::Consume, Some((_, last))) = (out.job, out.span) {
            self.failures = 0;
            if self.offsets == OffsetManagement::Automatic && !self.user_paused {
                self.mark(last);
            }
        }
        if let Some(wanted) = self.wanted.take() {
            self.place = wanted;
        }
    }

    /// Ends the lease with a pause and goes on there; `None`: where what was not marked begins.
    pub(super) fn failed(&mut self, dead_letter: Option<i64>) {
        if self.out.is_some_and(|out| out.job != Job::Consume) {
            return self.succeeded();
        }
        let Some(Out { span: Some((first, _)), .. }) = self.settle() else { return };
        let wanted = self.wanted.take();
        match dead_letter {
            Some(next) => (self.failures, self.next, self.place) = (0, Some(next), Place::At(next)),
            None => {
                self.failures += 1;
                self.place = self.next.map(Place::At).or(wanted).unwrap_or(Place::At(first));
            }
        }
        if self.going == Going::Stays {
            self.pausing = Pausing::Timed;
        }
    }

    /// As a failure, but that it is none.
    pub(super) fn postponed(&mut self) {
        let failures = self.failures;
        self.failed(None);
        self.failures = self.failures.min(failures);
    }

    pub(super) fn given_back(&mut self) {
        let Some(out) = self.out.take() else { return };
        self.wanted = None;
        if let Some((first, last)) = out.span {
            self.place = Place::At(self.next.unwrap_or(first).clamp(first, last + 1));
        }
        self.interruptions += 1;
        if self.interruptions > REPEATED_AT_ONCE && self.going == Going::Stays && self.pausing == Pausing::No {
            self.pausing = Pausing::Timed;
        }
    }
}
