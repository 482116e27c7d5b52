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
    /// Hand this offset to librdkafka now.
    Store(i64),
    /// An alarm has to hand it over at this time.
    StoreAt(Instant),
    /// The alarm that was set before will hand it over.
    Pending,
}

/// Offsets of one assigned partition.
#[derive(Debug)]
pub struct Offsets {
    ownership: Ownership,
    /// Where processing continues: the offset after the last mark.
    next: Option<i64>,
    /// Marked, but not yet handed to librdkafka.
    unstored: Option<i64>,
    last_stored: Option<i64>,
    last_store_at: Option<Instant>,
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
            alarm: Alarm::Unset,
        }
    }
}

impl Offsets {
    /// Where processing continues; `None` before the first batch.
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

    /// The first batch starts here, unless something was consumed before.
    pub fn begin(&mut self, first_offset: i64) {
        self.next.get_or_insert(first_offset);
    }

    /// Sets where processing continues, without marking.
    pub fn set_next(&mut self, offset: Option<i64>) {
        self.next = offset;
    }

    /// The message at `offset` was consumed, and all before it.
    pub fn mark(&mut self, offset: i64, now: Instant) -> Marked {
        if self.ownership == Ownership::Lost {
            return Marked::Refused;
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
            Some(at) if at > now => {
                self.alarm = Alarm::Set;
                Marked::StoreAt(at)
            }
            _ => self.take_unstored(now).map_or(Marked::Unchanged, Marked::Store),
        }
    }

    /// The offset that librdkafka does not know yet; it is considered stored from now on.
    pub fn take_unstored(&mut self, now: Instant) -> Option<i64> {
        if self.ownership == Ownership::Lost {
            return None;
        }
        let offset = self.unstored.take()?;
        self.last_stored = Some(offset);
        self.last_store_at = Some(now);
        Some(offset)
    }

    /// The alarm of [`Marked::StoreAt`] rang.
    pub fn alarm_rang(&mut self, now: Instant) -> Option<i64> {
        self.alarm = Alarm::Unset;
        self.take_unstored(now)
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

    #[test]
    fn the_first_mark_is_stored_at_once_and_the_next_ones_together() {
        let (mut offsets, now) = (Offsets::default(), Instant::now());
        assert_eq!(offsets.mark(0, now), Marked::Store(1));
        assert_eq!(offsets.mark(1, now), Marked::StoreAt(now + STORE_INTERVAL));
        assert_eq!(offsets.mark(2, now), Marked::Pending);
        assert_eq!(offsets.alarm_rang(now + STORE_INTERVAL), Some(3));
        assert_eq!(offsets.mark(2, now), Marked::Unchanged);
        assert_eq!(offsets.mark(3, now + 3 * STORE_INTERVAL), Marked::Store(4));
    }

    #[test]
    fn an_older_mark_rewinds() {
        let (mut offsets, now) = (Offsets::default(), Instant::now());
        offsets.mark(9, now);
        offsets.mark(4, now);
        assert_eq!((offsets.next(), offsets.take_unstored(now)), (Some(5), Some(5)));
    }

    #[test]
    fn a_lost_partition_refuses_marks_and_stores_nothing() {
        let (mut offsets, now) = (Offsets::default(), Instant::now());
        offsets.mark(0, now);
        offsets.mark(1, now);
        offsets.lose();
        assert_eq!(offsets.mark(2, now), Marked::Refused);
        assert_eq!(offsets.take_unstored(now), None);
    }
}
