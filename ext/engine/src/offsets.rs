//! How far a partition was consumed.

use std::time::{Duration, Instant};

/// Marks closer together than this share one call to librdkafka; a mark is stored at the latest this much later.
/// Together with the commit interval it stays within the second of work that a crash may repeat.
pub const STORE_INTERVAL: Duration = Duration::from_millis(20);

/// Whether the partition still belongs to this member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Marks count.
    Held,
    /// Another member may have it: marks are refused and nothing is committed.
    Lost,
}

/// What a mark needs done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marked {
    /// Refused: the partition was lost.
    Refused,
    /// Nothing new.
    Unchanged,
    /// Hand it to librdkafka now.
    Store,
    /// An alarm has to hand it over at this time.
    StoreAt(Instant),
    /// The alarm that was set before will hand it over.
    Pending,
}

/// A mark that librdkafka does not know yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unstored {
    /// The offset after the marked message.
    pub offset: i64,
    /// Where it lies beside the one that was stored before.
    pub course: Course,
}

/// Which way marks go, beside what may be committed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// On.
    Forward,
    /// Back: an older message was marked. librdkafka commits no stored offset below the one that it committed last.
    Back,
}

/// Offsets of one assigned partition.
#[derive(Debug)]
pub struct Offsets {
    ownership: Ownership,
    /// Where processing continues: the offset after the last mark. None before the first batch, and when it was
    /// forgotten.
    next: Option<i64>,
    /// Marked, but not yet handed to librdkafka.
    unstored: Option<i64>,
    last_stored: Option<i64>,
    last_store_at: Option<Instant>,
    /// Nothing behind this was committed by a former assignment.
    start: Option<i64>,
    alarm: Alarm,
}

#[derive(Debug, PartialEq, Eq)]
enum Alarm {
    Unset,
    Set,
}

impl Default for Offsets {
    fn default() -> Self {
        Self {
            ownership: Ownership::Held,
            next: None,
            unstored: None,
            last_stored: None,
            last_store_at: None,
            start: None,
            alarm: Alarm::Unset,
        }
    }
}

impl Offsets {
    /// Where processing continues; `None` before the first batch, and after a seek that resets it until the next batch.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// Last offset handed to librdkafka.
    pub fn last_stored(&self) -> Option<i64> {
        self.last_stored
    }

    /// Whether the partition is still ours.
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// A batch starts here. The first one does where a former assignment committed, or behind that.
    pub fn begin(&mut self, first_offset: i64) {
        self.next.get_or_insert(first_offset);
        self.start.get_or_insert(first_offset);
    }

    /// The log went back behind us: it was made anew, or cut. Processing continues with what it has now.
    pub fn begin_again(&mut self, first_offset: i64) {
        self.next = Some(first_offset);
        self.moved();
    }

    /// Delivery went elsewhere, perhaps before what a former assignment committed.
    pub fn moved(&mut self) {
        self.start = Some(i64::MAX);
    }

    /// Sets where processing continues, without marking.
    pub fn set_next(&mut self, offset: Option<i64>) {
        self.next = offset;
    }

    /// The message at `offset` was consumed, and all before it. While it is not known where processing continues a mark
    /// counts for nothing: the messages that come next are not behind it. While a mark waits already nobody asks for the time.
    pub fn mark(&mut self, offset: i64, now: impl FnOnce() -> Instant) -> Marked {
        if self.ownership == Ownership::Lost {
            return Marked::Refused;
        }
        if self.next.is_none() {
            return Marked::Unchanged;
        }
        let next = offset + 1;
        self.next = Some(next);
        if self.unstored.or(self.last_stored) == Some(next) {
            return Marked::Unchanged;
        }
        self.unstored = Some(next);
        if self.alarm == Alarm::Set {
            return Marked::Pending;
        }
        match self.last_store_at.map(|at| at + STORE_INTERVAL) {
            Some(at) if at > now() => {
                self.alarm = Alarm::Set;
                Marked::StoreAt(at)
            }
            _ => Marked::Store,
        }
    }

    /// The mark that librdkafka does not know yet; it is considered stored from now on.
    pub fn take_unstored(&mut self, now: Instant) -> Option<Unstored> {
        if self.ownership == Ownership::Lost {
            return None;
        }
        let offset = self.unstored.take()?;
        let is_beyond = self.last_stored.or(self.start).is_some_and(|known| offset >= known);
        let course = if is_beyond { Course::Forward } else { Course::Back };
        self.last_stored = Some(offset);
        self.last_store_at = Some(now);
        Some(Unstored { offset, course })
    }

    /// The alarm of [`Marked::StoreAt`] rang.
    pub fn alarm_rang(&mut self) {
        self.alarm = Alarm::Unset;
    }

    /// The partition may belong to somebody else now.
    pub fn lose(&mut self) {
        self.ownership = Ownership::Lost;
        self.unstored = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> (Offsets, Instant) {
        let mut offsets = Offsets::default();
        offsets.begin(0);
        (offsets, Instant::now())
    }

    fn forward(offset: i64) -> Option<Unstored> {
        Some(Unstored { offset, course: Course::Forward })
    }

    #[test]
    fn the_first_mark_is_stored_at_once_and_the_next_ones_together() {
        let (mut offsets, now) = begun();
        assert_eq!(offsets.mark(0, || now), Marked::Store);
        assert_eq!(offsets.take_unstored(now), forward(1));
        assert_eq!(offsets.mark(1, || now), Marked::StoreAt(now + STORE_INTERVAL));
        assert_eq!(offsets.mark(2, || now), Marked::Pending);
        offsets.alarm_rang();
        assert_eq!(offsets.take_unstored(now + STORE_INTERVAL), forward(3));
        assert_eq!(offsets.mark(2, || now), Marked::Unchanged);
        assert_eq!(offsets.mark(3, || now + 3 * STORE_INTERVAL), Marked::Store);
    }

    #[test]
    fn an_older_mark_rewinds() {
        let (mut offsets, now) = begun();
        offsets.mark(9, || now);
        assert_eq!(offsets.take_unstored(now), forward(10));
        offsets.mark(4, || now);
        let back = Unstored { offset: 5, course: Course::Back };
        assert_eq!((offsets.next(), offsets.take_unstored(now)), (Some(5), Some(back)));
    }

    #[test]
    fn the_first_mark_may_lie_before_what_was_committed() {
        let now = Instant::now();
        let (mut older, mut sought) = (Offsets::default(), Offsets::default());
        older.begin(5);
        sought.moved();
        sought.begin(3);
        for mut offsets in [older, sought] {
            offsets.mark(3, || now);
            assert_eq!(offsets.take_unstored(now), Some(Unstored { offset: 4, course: Course::Back }));
            offsets.mark(4, || now);
            assert_eq!(offsets.take_unstored(now), forward(5));
        }
    }

    #[test]
    fn while_nothing_is_known_a_mark_counts_for_nothing() {
        let (mut offsets, now) = begun();
        offsets.mark(3, || now);
        offsets.set_next(None);
        assert_eq!(offsets.mark(9, || now), Marked::Unchanged);
        assert_eq!((offsets.next(), offsets.take_unstored(now)), (None, forward(4)), "what was marked before stays");
        offsets.begin(2);
        assert_eq!(offsets.mark(2, || now + STORE_INTERVAL), Marked::Store);
        assert_eq!(offsets.take_unstored(now), Some(Unstored { offset: 3, course: Course::Back }));
    }

    #[test]
    fn a_lost_partition_refuses_marks_and_stores_nothing() {
        let (mut offsets, now) = begun();
        offsets.mark(0, || now);
        offsets.lose();
        assert_eq!(offsets.mark(2, || now), Marked::Refused);
        assert_eq!(offsets.take_unstored(now), None);
    }
}
