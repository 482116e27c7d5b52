//! How long things stay as they are, by a clock of its own.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Goes on only while whoever looks does so: a process that was suspended, or got no time, sees one long gap between two
/// looks, which counts as a short one.
#[derive(Debug)]
pub(super) struct Stopwatch<Subject, Sign> {
    longest_gap: Duration,
    now: Duration,
    last: Option<Instant>,
    seen: HashMap<Subject, Seen<Sign>>,
}

#[derive(Debug)]
struct Seen<Sign> {
    sign: Sign,
    since: Duration,
    at: Instant,
}

impl<Subject: Eq + Hash, Sign: PartialEq> Stopwatch<Subject, Sign> {
    /// One whose gaps count for so long at most.
    pub(super) fn new(longest_gap: Duration) -> Self {
        Self { longest_gap, now: Duration::ZERO, last: None, seen: HashMap::new() }
    }

    /// Begins another look. What the last one did not ask for is forgotten.
    pub(super) fn look(&mut self, now: Instant) {
        if let Some(last) = self.last {
            self.now += now.saturating_duration_since(last).min(self.longest_gap);
            self.seen.retain(|_, seen| seen.at == last);
        }
        self.last = Some(now);
    }

    /// For how long a subject's sign of life, which changes as long as it lives, has been the same.
    pub(super) fn same_for(&mut self, subject: Subject, sign: Sign) -> Duration {
        let (now, at) = (self.now, self.last.unwrap_or_else(Instant::now));
        let former = self.seen.get(&subject).filter(|seen| seen.sign == sign);
        let since = former.map_or(now, |seen| seen.since);
        self.seen.insert(subject, Seen { sign, since, at });
        now - since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_secs(1);

    /// Looks once a second, and says for how long the sign was the same.
    fn look(stopwatch: &mut Stopwatch<&str, u32>, from: Instant, signs: &[u32]) -> Vec<u64> {
        let times = std::iter::successors(Some(from), |at| Some(*at + STEP));
        let looks = times.zip(signs).map(|(at, sign)| {
            stopwatch.look(at);
            stopwatch.same_for("a thread", *sign).as_secs()
        });
        looks.collect()
    }

    fn stopwatch() -> (Stopwatch<&'static str, u32>, Instant) {
        (Stopwatch::new(2 * STEP), Instant::now())
    }

    #[test]
    fn it_begins_anew_with_another_sign() {
        let (mut stopwatch, now) = stopwatch();
        assert_eq!(look(&mut stopwatch, now, &[1, 1, 1, 1, 2, 2]), [0, 1, 2, 3, 0, 1]);
    }

    #[test]
    fn a_gap_in_which_the_process_may_have_been_suspended_counts_as_a_short_one() {
        let (mut stopwatch, now) = stopwatch();
        look(&mut stopwatch, now, &[1, 1]);
        assert_eq!(look(&mut stopwatch, now + 3_600 * STEP, &[1]), [3]);
    }

    #[test]
    fn what_a_look_does_not_ask_for_is_forgotten() {
        let (mut stopwatch, now) = stopwatch();
        look(&mut stopwatch, now, &[1, 1]);
        stopwatch.look(now + 2 * STEP);
        assert_eq!(look(&mut stopwatch, now + 3 * STEP, &[1]), [0]);
    }
}
