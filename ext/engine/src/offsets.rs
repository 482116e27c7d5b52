//! How far a partition was consumed.

use std::time::{Duration, Instant};

/// Marks closer together than this share one call to librdkafka; a mark is stored at the latest this much later.
/// Together with the commit interval it stays within the second of work that a crash may repeat.
pub const STORE_INTERVAL: Duration = Duration::from_millis(20);

/// A commit that was refused is asked for again this much later.
pub const ASK_AGAIN: Duration = Duration::from_secs(1);

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

/// What librdkafka is to be handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unstored {
    /// The offset after the marked message.
    pub offset: i64,
    /// Whether that is all.
    pub commit: Commit,
}

/// Who has a stored offset committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// librdkafka, with what else is stored.
    Later,
    /// Whoever stores it: librdkafka may not.
    Now,
}

/// Which way delivery goes, beside what was delivered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// On.
    Forward,
    /// Back.
    Back,
}

/// What is known of the offset that librdkafka has for the committed one. It commits no stored offset below that (2.12,
/// `rd_kafka_topic_partition_list_set_offsets`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Committed {
    /// Nothing: it is a former assignment's, which may lie behind the end of the log. The application commits.
    Former,
    /// It may be above the marks: the next one is committed explicitly.
    Above,
    /// A commit of this offset is under way.
    Asked(i64),
    /// It was refused, and is asked for again at this time.
    Refused(Instant),
    /// It is one of ours, and not above the marks.
    Ours,
}

/// Whether librdkafka commits what is stored by itself (`enable.auto.commit`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoCommit {
    /// It does.
    On,
    /// The application asks for each commit.
    Off,
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
    committed: Committed,
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
            committed: Committed::Above,
            alarm: Alarm::Unset,
        }
    }
}

impl Offsets {
    /// Before the first mark.
    pub fn commit_by(&mut self, auto_commit: AutoCommit) {
        self.committed = match auto_commit {
            AutoCommit::On => Committed::Above,
            AutoCommit::Off => Committed::Former,
        };
    }

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

    /// A batch starts here.
    pub fn begin(&mut self, first_offset: i64) {
        self.next.get_or_insert(first_offset);
    }

    /// The log went back behind us: it was made anew, or cut. Processing continues with what it has now.
    pub fn begin_again(&mut self, first_offset: i64) {
        self.next = Some(first_offset);
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

    /// What librdkafka is to be handed: a mark that it does not know yet, or the last one once more where its commit was
    /// refused. It is considered stored from now on.
    pub fn take_unstored(&mut self, now: Instant) -> Option<Unstored> {
        if self.ownership == Ownership::Lost {
            return None;
        }
        let unstored = self.unstored.take();
        if unstored < self.last_stored && unstored.is_some() {
            self.committed = Committed::Above;
        }
        let is_due = match self.committed {
            Committed::Above => true,
            Committed::Refused(until) => now >= until,
            Committed::Former | Committed::Asked(_) | Committed::Ours => false,
        };
        if !is_due {
            let offset = unstored?;
            self.stored(offset, now);
            return Some(Unstored { offset, commit: Commit::Later });
        }
        let offset = unstored.or(self.last_stored)?;
        self.stored(offset, now);
        self.committed = Committed::Asked(offset);
        Some(Unstored { offset, commit: Commit::Now })
    }

    fn stored(&mut self, offset: i64, now: Instant) {
        self.last_stored = Some(offset);
        self.last_store_at = Some(now);
    }

    /// What librdkafka may not commit by itself, now that the partition is to be given up.
    pub fn take_uncommitted(&mut self) -> Option<i64> {
        let offset = self.last_stored.filter(|_| self.ownership == Ownership::Held)?;
        if self.committed == Committed::Ours || self.committed == Committed::Asked(offset) {
            return None;
        }
        self.committed = Committed::Asked(offset);
        Some(offset)
    }

    /// A commit of `offset` was answered.
    pub fn answered(&mut self, offset: i64, accepted: bool, now: Instant) {
        match self.committed {
            Committed::Asked(asked) if asked != offset => {}
            Committed::Asked(_) if !accepted => self.committed = Committed::Refused(now + ASK_AGAIN),
            Committed::Asked(_) => self.committed = Committed::Ours,
            // librdkafka sent an older one again.
            Committed::Ours if accepted && self.last_stored.is_some_and(|stored| stored < offset) => {
                self.committed = Committed::Refused(now + ASK_AGAIN);
            }
            // One that the application asked for.
            Committed::Former if accepted && self.last_stored >= Some(offset) => self.committed = Committed::Ours,
            Committed::Former | Committed::Above | Committed::Refused(_) | Committed::Ours => {}
        }
    }

    /// When an alarm has to have a refused commit asked for again; `None`, too, while another one is set.
    pub fn ask_again_at(&self) -> Option<Instant> {
        match (self.committed, self.ownership, &self.alarm) {
            (Committed::Refused(at), Ownership::Held, Alarm::Unset) => Some(at),
            _ => None,
        }
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

    fn later(offset: i64) -> Option<Unstored> {
        Some(Unstored { offset, commit: Commit::Later })
    }

    fn at_once(offset: i64) -> Option<Unstored> {
        Some(Unstored { offset, commit: Commit::Now })
    }

    #[test]
    fn the_first_mark_is_stored_at_once_and_the_next_ones_together() {
        let (mut offsets, now) = begun();
        assert_eq!(offsets.mark(0, || now), Marked::Store);
        assert_eq!(offsets.take_unstored(now), at_once(1));
        assert_eq!(offsets.mark(1, || now), Marked::StoreAt(now + STORE_INTERVAL));
        assert_eq!(offsets.mark(2, || now), Marked::Pending);
        offsets.alarm_rang();
        assert_eq!(offsets.take_unstored(now + STORE_INTERVAL), later(3));
        assert_eq!(offsets.mark(2, || now), Marked::Unchanged);
        assert_eq!(offsets.mark(3, || now + 3 * STORE_INTERVAL), Marked::Store);
    }

    /// Offsets whose first mark, of 9, is committed.
    fn committed() -> (Offsets, Instant) {
        let (mut offsets, now) = begun();
        offsets.mark(9, || now);
        assert_eq!(offsets.take_unstored(now), at_once(10), "a former assignment may have committed more");
        offsets.answered(10, true, now);
        (offsets, now)
    }

    #[test]
    fn an_older_mark_rewinds() {
        let (mut offsets, now) = committed();
        offsets.mark(10, || now);
        assert_eq!(offsets.take_unstored(now), later(11));
        offsets.mark(4, || now);
        assert_eq!((offsets.next(), offsets.take_unstored(now)), (Some(5), at_once(5)));
        offsets.mark(5, || now);
        assert_eq!(offsets.take_unstored(now), later(6), "the commit is under way");
        offsets.answered(11, true, now);
        assert_eq!(offsets.take_uncommitted(), Some(6), "an older answer");
        offsets.answered(6, true, now);
        assert_eq!(offsets.take_uncommitted(), None);
    }

    #[test]
    fn what_was_refused_is_asked_for_again_and_nothing_in_between() {
        let (mut offsets, now) = begun();
        offsets.mark(9, || now);
        assert_eq!(offsets.take_unstored(now), at_once(10));
        let again = now + ASK_AGAIN;
        assert_eq!(offsets.ask_again_at(), None);
        offsets.answered(10, false, now);
        assert_eq!(offsets.ask_again_at(), Some(again));
        offsets.mark(10, || now);
        assert_eq!((offsets.ask_again_at(), offsets.take_unstored(now)), (None, later(11)), "another alarm is set");
        offsets.alarm_rang();
        assert_eq!(offsets.ask_again_at(), Some(again));
        assert_eq!((offsets.take_unstored(now), offsets.take_unstored(again)), (None, at_once(11)));
        offsets.answered(11, true, again);
        assert_eq!(offsets.take_unstored(again), None);
        offsets.mark(2, || again);
        offsets.take_unstored(again);
        offsets.answered(3, false, again);
        offsets.lose();
        assert_eq!(offsets.ask_again_at(), None);
    }

    #[test]
    fn an_older_commit_that_librdkafka_sends_again_is_answered_with_the_last_mark() {
        let (mut offsets, now) = committed();
        offsets.mark(4, || now);
        assert_eq!(offsets.take_unstored(now), at_once(5));
        offsets.alarm_rang();
        offsets.answered(5, true, now);
        offsets.answered(10, true, now);
        assert_eq!(offsets.ask_again_at(), Some(now + ASK_AGAIN));
        assert_eq!(offsets.take_unstored(now + ASK_AGAIN), at_once(5));
    }

    #[test]
    fn the_first_mark_is_left_to_an_application_that_commits() {
        let (mut offsets, now) = begun();
        offsets.commit_by(AutoCommit::Off);
        offsets.mark(9, || now);
        assert_eq!(offsets.take_unstored(now), later(10));
        assert_eq!(offsets.take_uncommitted(), Some(10), "at the end");
        offsets.answered(10, true, now);
        assert_eq!(offsets.take_uncommitted(), None);
    }

    #[test]
    fn while_nothing_is_known_a_mark_counts_for_nothing() {
        let (mut offsets, now) = begun();
        offsets.mark(3, || now);
        offsets.set_next(None);
        assert_eq!(offsets.mark(9, || now), Marked::Unchanged);
        assert_eq!((offsets.next(), offsets.take_unstored(now)), (None, at_once(4)), "what was marked before stays");
        offsets.begin(2);
        assert_eq!(offsets.mark(2, || now + STORE_INTERVAL), Marked::Store);
        assert_eq!(offsets.take_unstored(now), at_once(3));
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
