//! What was read from a partition's queue last, and what of the next haul it has brought before.

use std::time::{Duration, Instant};

use crate::batch::{Batch, Haul, Run};
use crate::offsets::Course;

/// So long after an assignment's first message librdkafka may still go back to it. A topic that is made anew and filled
/// with the same times looks alike, but not that soon.
const LATE: Duration = Duration::from_secs(120);

/// Which offsets were read from the queue last.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Every message from here up to `tail` is in the batch that was read last.
    base: Option<i64>,
    /// Where the queue goes on; unknown at first and behind a logical offset.
    pub(super) tail: Option<i64>,
    /// The first message of the assignment, and when it came.
    origin: Option<(Fingerprint, Instant)>,
    /// The leader epoch of the message before `tail`.
    leader_epoch: i32,
    /// The queue brings once more what is before `tail`: the offset with which it goes on.
    repeating: Option<i64>,
}

/// What a message is known again by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprint {
    offset: i64,
    timestamp_ms: i64,
    leader_epoch: i32,
}

impl Fingerprint {
    fn of_first(run: &Run) -> Option<Self> {
        let (offset, timestamp_ms) = run.batch.first_offset().zip(run.batch.timestamp_ms(0))?;
        Some(Self { offset, timestamp_ms, leader_epoch: run.leader_epochs.0 })
    }

    /// Whether both are surely of the same message.
    fn is_of(self, other: Self) -> bool {
        self == other && self.timestamp_ms >= 0
    }
}

/// What of a haul is to be delivered.
pub(super) struct Sifted {
    pub(super) batch: Batch,
    /// Behind the batch the log went back to this offset. That is for the next batch: it has to be fetched again.
    pub(super) back_to: Option<i64>,
}

impl Reading {
    /// Leaves out what is repeated.
    ///
    /// An assignment without a committed offset begins where `auto.offset.reset` says. Where an answer comes to a former
    /// assignment's question for that offset, librdkafka (2.12) asks once more half a second later, whatever the present
    /// assignment has read meanwhile, and goes back there unless it is the very position that it began with, leader epoch
    /// included; one from its cache has none (`rd_kafka_toppar_handle_Offset`, `rd_kafka_offset_reset`).
    ///
    /// It is told by the assignment's first message, which comes again. Where the partition has had another leader since
    /// what was delivered, or its log tells no times or leader epochs, everything is delivered: it may be another one.
    pub(super) fn sift(&mut self, haul: Haul, now: Instant) -> Sifted {
        let mut batch = self.sift_run(haul.run, self.read_tail(), now);
        for run in haul.later {
            let tail = batch.last_offset().map_or_else(|| self.read_tail(), |last| Some(last + 1));
            let leader_epoch = self.leader_epoch;
            let rest = self.sift_run(run, tail, now);
            let first = rest.first_offset();
            if !batch.is_empty() && first < tail && first.is_some() {
                self.leader_epoch = leader_epoch;
                return Sifted { batch, back_to: first };
            }
            batch = batch.join(&rest);
        }
        Sifted { batch, back_to: None }
    }

    /// `tail`, if something was read up to there. One that was only asked for may be past the end of the log, and is
    /// reset to its beginning.
    fn read_tail(&self) -> Option<i64> {
        self.base.and(self.tail)
    }

    fn sift_run(&mut self, run: Run, tail: Option<i64>, now: Instant) -> Batch {
        let Some(first) = Fingerprint::of_first(&run) else { return run.batch };
        let (origin, came_at) = *self.origin.get_or_insert((first, now));
        let repeated = tail.filter(|tail| {
            first.offset < *tail
                && now.saturating_duration_since(came_at) < LATE
                && (first.is_of(origin) || self.repeating.is_some_and(|next| first.offset >= next))
                && (0..=self.leader_epoch).contains(&run.leader_epochs.1)
        });
        let Some(tail) = repeated else {
            (self.repeating, self.leader_epoch) = (None, run.leader_epochs.1);
            return run.batch;
        };
        self.repeating = run.batch.last_offset().map(|last| last + 1);
        run.batch.from_offset(tail)
    }

    /// A new batch begins with the message at `first`. What lies between it and the former one does not exist.
    pub(super) fn began(&mut self, first: i64) -> Course {
        self.base = Some(self.tail.map_or(first, |tail| tail.min(first)));
        if self.tail.is_some_and(|tail| first < tail) { Course::Back } else { Course::Forward }
    }

    /// The message at `last` was read.
    pub(super) fn passed(&mut self, last: i64) {
        self.tail = Some(last + 1);
    }

    /// What was read is kept from the message at `first` on.
    pub(super) fn kept(&mut self, first: i64) {
        self.base = Some(first);
    }

    /// The queue goes on at `target`, a logical offset included.
    pub(super) fn moved(&mut self, target: i64) {
        (self.base, self.repeating) = (None, None);
        self.tail = (target >= 0).then_some(target);
    }

    /// Whether a delivery from `target` on can be made of the batch that was read last.
    pub(super) fn has(&self, target: i64) -> bool {
        self.base.zip(self.tail).is_some_and(|(base, tail)| (base..=tail).contains(&target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_reaches_from_the_end_of_the_former_batch() {
        let mut reading = Reading::default();
        reading.began(5);
        reading.passed(9);
        assert!(!reading.has(4) && reading.has(5) && reading.has(10) && !reading.has(11));
        reading.began(14);
        reading.passed(20);
        assert!(!reading.has(9) && reading.has(10), "11 to 13 do not exist");
        reading.moved(3);
        assert!(!reading.has(3) && !reading.has(15));
        assert_eq!(reading.began(3), Course::Forward, "where it was sought");
        reading.passed(9);
        assert_eq!(reading.began(0), Course::Back, "an offset out of range is reset");
        assert_eq!(reading.base, Some(0));
    }

    fn run(offsets: &[i64], leader_epoch: i32) -> Run {
        Run { batch: Batch::at_offsets(offsets.iter().copied()), leader_epochs: (leader_epoch, leader_epoch) }
    }

    fn haul<const N: usize>(offsets: [i64; N], leader_epoch: i32) -> Haul {
        Haul { run: run(&offsets, leader_epoch), ..Haul::default() }
    }

    /// Offsets that are delivered.
    fn delivered(reading: &mut Reading, haul: Haul) -> Vec<i64> {
        delivered_at(reading, haul, Instant::now())
    }

    fn delivered_at(reading: &mut Reading, haul: Haul, now: Instant) -> Vec<i64> {
        let Sifted { batch, back_to } = reading.sift(haul, now);
        assert_eq!(back_to, None);
        if let Some((first, last)) = batch.first_offset().zip(batch.last_offset()) {
            reading.began(first);
            reading.passed(last);
        }
        (0..batch.len()).filter_map(|index| batch.offset(index)).collect()
    }

    #[test]
    fn what_the_queue_repeats_from_the_first_message_on_is_left_out() {
        let mut reading = Reading::default();
        assert_eq!(delivered(&mut reading, haul([3, 4], 1)), [3, 4]);
        assert_eq!(delivered(&mut reading, haul([6, 7], 1)), [6, 7]);
        for _ in 0..2 {
            assert!(delivered(&mut reading, haul([3], 1)).is_empty());
            assert!(delivered(&mut reading, haul([4, 6], 1)).is_empty());
        }
        assert_eq!(delivered(&mut reading, haul([7, 8, 9], 2)), [7, 8, 9], "of another leader");
        assert_eq!(delivered(&mut reading, haul([3, 4, 6, 7, 8, 9, 10], 1)), [10]);
        assert_eq!(delivered(&mut reading, haul([11], 2)), [11]);
    }

    #[test]
    fn a_repetition_may_begin_in_the_midst_of_a_haul() {
        let mut reading = Reading::default();
        let later = vec![run(&[3, 4, 5], 1), run(&[3, 4, 5, 6], 1)];
        assert_eq!(delivered(&mut reading, Haul { later, ..haul([3, 4], 1) }), [3, 4, 5, 6]);
    }

    #[test]
    fn a_log_that_goes_back_in_the_midst_of_a_haul_is_fetched_again() {
        let mut reading = Reading::default();
        let of_two_leaders = || Run { leader_epochs: (1, 2), ..run(&[3, 4], 1) };
        let sifted = reading.sift(Haul { later: vec![of_two_leaders()], ..haul([3, 4], 1) }, Instant::now());
        assert_eq!((sifted.batch.last_offset(), sifted.back_to), (Some(4), Some(3)));
        reading.began(3);
        reading.passed(4);
        let again = Haul { run: of_two_leaders(), ..Haul::default() };
        assert_eq!(delivered(&mut reading, again), [3, 4], "the second of whom delivered nothing yet");
    }

    #[test]
    fn a_log_that_goes_back_by_itself_is_delivered() {
        let mut reading = Reading::default();
        assert_eq!(delivered(&mut reading, haul([3, 4, 5], 1)), [3, 4, 5]);
        assert_eq!(delivered(&mut reading, haul([4, 5], 1)), [4, 5], "not from where the assignment began");
        assert_eq!(delivered(&mut reading, haul([3, 4], 2)), [3, 4], "by another leader");
        let mut reading = Reading::default();
        assert_eq!(delivered(&mut reading, haul([3, 4], -1)), [3, 4]);
        assert_eq!(delivered(&mut reading, haul([3, 4], -1)), [3, 4], "without epochs");
        let timeless = Fingerprint { offset: 3, timestamp_ms: -1, leader_epoch: 1 };
        assert!(!timeless.is_of(timeless), "without times");
    }

    #[test]
    fn what_comes_again_long_after_the_assignment_is_delivered() {
        let mut reading = Reading::default();
        assert_eq!(delivered(&mut reading, haul([3, 4, 5], 1)), [3, 4, 5]);
        assert_eq!(delivered_at(&mut reading, haul([3, 4], 1), Instant::now() + LATE), [3, 4]);
    }

    #[test]
    fn what_an_application_goes_back_to_is_delivered() {
        let mut reading = Reading::default();
        assert_eq!(delivered(&mut reading, haul([3, 4, 5], 1)), [3, 4, 5]);
        reading.moved(3);
        assert_eq!(delivered(&mut reading, haul([3, 4], 1)), [3, 4]);
        reading.moved(-2);
        assert_eq!(delivered(&mut reading, haul([3, 4], 1)), [3, 4]);
    }

    #[test]
    fn the_log_is_delivered_to_which_an_application_is_reset_that_went_past_its_end() {
        let mut reading = Reading::default();
        assert_eq!(delivered(&mut reading, haul([3, 4], 1)), [3, 4]);
        reading.moved(1_000);
        assert_eq!(delivered(&mut reading, haul([3, 4], 1)), [3, 4]);
        assert_eq!(delivered(&mut reading, haul([5, 6], 1)), [5, 6]);
        assert!(delivered(&mut reading, haul([3, 4, 5, 6], 1)).is_empty(), "repeated");
        reading.moved(8);
        assert_eq!(delivered(&mut reading, haul([8], 1)), [8]);
        assert_eq!(delivered(&mut reading, haul([3, 4, 5, 6, 7, 8, 9], 1)), [9], "repeated, and skipped before");
    }
}
