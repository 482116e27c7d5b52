//! How much of its host the engine takes.
//!
//! Ruby runs one thread at a time. What a worker waits to get Ruby's lock back once its batch is there tells how busy
//! the others are: a few microseconds in an idle host, some hundred in a busy one (docs/internals.md has the figures).
//! From that comes the **contention**, the part of the time in which somebody else has the lock. Between batches the
//! workers together pause so long that their processor time stays within what is allowed: everything in an idle host,
//! the configured share in a busy one, and without a step between the two.
//!
//! Workers wait for each other, too. Their own use of the processor is known, and what it explains of the waiting is not
//! counted as the host's.

use std::time::{Duration, Instant};

/// A worker that waited longer than this for Ruby's lock found it taken.
const LONG_WAIT: Duration = Duration::from_micros(100);
/// What a turn costs a busy host beside its own time: Ruby's lock changes hands twice, and caches with it.
const HANDOVER: Duration = Duration::from_micros(300);
/// In a busy host a worker that has got Ruby's lock goes on to the next batch until it has used so much of the
/// processor: the lock costs more than a batch, and no request notices so short a turn.
const TURN: Duration = Duration::from_micros(800);
/// Messages are gathered for so long in a busy host: a turn costs it about two milliseconds of requests, whatever is
/// done in it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(60);
/// Small fetches of a broker are so far apart in a busy host: each has several threads wake.
const FETCH_GAP: Duration = Duration::from_millis(100);
/// How much a single sample counts at most, after however long a silence.
const MOST_WEIGHT: f64 = 0.45;
/// What is older than a few of these is forgotten: the pace follows the host's load within 200 ms.
const MEMORY: Duration = Duration::from_millis(40);
/// Contention up to this is a host that is idle.
const NEGLIGIBLE: f64 = 0.1;
/// The longest pause after a single job, however long it worked.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The pace of one engine's workers.
#[derive(Debug)]
pub struct Pacing {
    share: f64,
    /// How often Ruby's lock was found taken.
    taken: Average,
    /// How often another worker may have been who had it.
    taken_by_own: Average,
    own_use: Use,
    turn: Option<Turn>,
    due: Option<Instant>,
}

/// The jobs that a worker does one after the other, once it has got Ruby's lock.
#[derive(Debug, Clone, Copy)]
struct Turn {
    began: Instant,
    /// What it has used of the processor, zero before its first job ended.
    used: Duration,
}

/// What health shows of the pace.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct PacingHealth {
    /// The configured share of a busy host, in percent.
    pub host_share: f64,
    /// The part of the time in which the host's threads have Ruby's lock, in percent, as the workers notice it.
    pub contention: f64,
    /// What the workers may use of one processor at the moment, in percent.
    pub allowed: f64,
    /// What they use, in percent.
    pub used: f64,
}

impl Pacing {
    /// Paces to `percent` of a busy host; 100 never paces.
    pub fn new(percent: f64) -> Self {
        Self {
            share: (percent / 100.0).clamp(0.001, 1.0),
            taken: Average::default(),
            taken_by_own: Average::default(),
            own_use: Use::default(),
            turn: None,
            due: None,
        }
    }

    /// A turn begins whose worker `waited` for Ruby's lock while `others` of the workers were at work.
    pub fn began(&mut self, now: Instant, waited: Duration, others: usize) {
        if self.share >= 1.0 {
            return;
        }
        self.turn = Some(Turn { began: now, used: Duration::ZERO });
        let taken = if waited > LONG_WAIT { 1.0 } else { 0.0 };
        let own = if others == 0 { 0.0 } else { self.own_use.part(now).min(1.0) };
        self.taken.add(now, taken);
        self.taken_by_own.add(now, own);
    }

    /// The part of the time in which the host's threads have Ruby's lock: how often it was found taken, without what
    /// the other workers explain.
    fn contention(&self, now: Instant) -> f64 {
        let own = self.taken_by_own.at(now);
        if own > 0.9 { 0.0 } else { ((self.taken.at(now) - own) / (1.0 - own)).max(0.0) }
    }

    /// A job ended that used so much of a processor.
    pub fn ended(&mut self, now: Instant, cpu: Duration) {
        if self.share >= 1.0 {
            return;
        }
        self.own_use.add(now, cpu);
        let allowed = self.allowed(now);
        if allowed < 1.0 {
            let goes_on = self.turn.is_some_and(|turn| !turn.used.is_zero());
            let (cost, shortest) =
                if goes_on { (cpu, Duration::ZERO) } else { (cpu + HANDOVER, self.gathered(SHORTEST_PAUSE, allowed)) };
            let pause = cost.mul_f64((1.0 - allowed) / allowed).clamp(shortest, LONGEST_PAUSE);
            self.due = Some(self.due.map_or(now, |due| due.max(now)) + pause);
            if let Some(turn) = &mut self.turn {
                turn.used += cpu.max(Duration::from_nanos(1));
            }
        }
    }

    /// When the turn began whose worker may take the next job before it lets Ruby's lock go, although a pause is due;
    /// `None` where it may not.
    pub fn turn_goes_on(&self, now: Instant) -> Option<Instant> {
        let turn = self.turn.filter(|turn| !turn.used.is_zero() && turn.used < TURN)?;
        self.due(now).map(|_| turn.began)
    }

    /// How far apart small fetches of a broker are to be.
    pub fn fetch_gap(&self, now: Instant) -> Duration {
        if self.share >= 1.0 { Duration::ZERO } else { self.gathered(FETCH_GAP, self.allowed(now)) }
    }

    /// The part of `longest` for which messages are gathered where so much is allowed. Squared: who may use most of the
    /// time gathers next to nothing.
    fn gathered(&self, longest: Duration, allowed: f64) -> Duration {
        if allowed < 1.0 { longest.mul_f64((self.share / allowed).powi(2)) } else { Duration::ZERO }
    }

    /// The part of one processor that the workers may use together.
    fn allowed(&self, now: Instant) -> f64 {
        let contention = self.contention(now);
        if contention <= NEGLIGIBLE {
            return 1.0;
        }
        // Cubed, since a host that is busy half of the time is already one whose requests wait for us.
        self.share.max((1.0 - contention).powi(3))
    }

    /// When the next job may be taken, if that is not now.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        self.due.filter(|due| *due > now)
    }

    /// How it stands.
    pub fn health(&self, now: Instant) -> PacingHealth {
        let percent = |part: f64| (part * 1_000.0).round() / 10.0;
        PacingHealth {
            host_share: percent(self.share),
            contention: percent(self.contention(now)),
            allowed: percent(self.allowed(now)),
            used: percent(self.own_use.part(now)),
        }
    }
}

/// What is left after a while of what was, 1 for nothing gone.
fn left(since: Option<Instant>, now: Instant) -> f64 {
    since.map_or(0.0, |at| (-now.saturating_duration_since(at).as_secs_f64() / MEMORY.as_secs_f64()).exp())
}

/// An average over the last [`MEMORY`], of samples that come when they come.
#[derive(Debug, Default)]
struct Average {
    value: f64,
    at: Option<Instant>,
}

impl Average {
    fn add(&mut self, now: Instant, sample: f64) {
        // A sample after a long silence counts as one and not for the silence: a single wait is no load.
        let weight = (1.0 - left(self.at, now)).clamp(0.0, MOST_WEIGHT);
        self.value += (sample - self.value) * weight;
        self.at = Some(now);
    }

    /// Nobody took a sample: whether the host is busy is not known, and less and less of what was known counts.
    fn at(&self, now: Instant) -> f64 {
        let silence = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if silence > LONGEST_PAUSE + MEMORY { 0.0 } else { self.value }
    }
}

/// How much of one processor was used over the last [`MEMORY`].
#[derive(Debug, Default)]
struct Use {
    seconds: f64,
    at: Option<Instant>,
}

impl Use {
    fn add(&mut self, now: Instant, cpu: Duration) {
        self.seconds = self.seconds * left(self.at, now) + cpu.as_secs_f64();
        self.at = Some(now);
    }

    fn part(&self, now: Instant) -> f64 {
        self.seconds * left(self.at, now) / MEMORY.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BATCH: Duration = Duration::from_micros(200);
    const BUSY: Duration = Duration::from_micros(500);
    const IDLE: Duration = Duration::from_micros(3);

    /// Runs turns one after the other for a while: the time their jobs were given, as a part of it.
    fn run(pacing: &mut Pacing, clock: &mut Instant, length: Duration, waited: Duration) -> f64 {
        let (began, mut used) = (*clock, Duration::ZERO);
        while *clock - began < length {
            *clock = pacing.due(*clock).unwrap_or(*clock) + waited;
            pacing.began(*clock, waited, 0);
            loop {
                *clock += BATCH;
                used += BATCH;
                pacing.ended(*clock, BATCH);
                if pacing.turn_goes_on(*clock).is_none() {
                    break;
                }
            }
        }
        used.as_secs_f64() / (*clock - began).as_secs_f64()
    }

    #[test]
    fn an_idle_host_is_used_in_full() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        assert!(run(&mut pacing, &mut clock, Duration::from_secs(1), IDLE) > 0.95);
    }

    #[test]
    fn a_busy_host_keeps_all_but_the_share() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        run(&mut pacing, &mut clock, Duration::from_millis(200), BUSY);
        let part = run(&mut pacing, &mut clock, Duration::from_secs(2), BUSY);
        assert!((0.01..=0.05).contains(&part), "{part}");
        assert_eq!(pacing.health(clock).allowed, 5.0);
    }

    #[test]
    fn the_pace_follows_the_load_within_200_ms() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        let adapt = Duration::from_millis(200);
        run(&mut pacing, &mut clock, Duration::from_secs(1), IDLE);
        run(&mut pacing, &mut clock, adapt, BUSY);
        assert!(run(&mut pacing, &mut clock, Duration::from_millis(100), BUSY) < 0.06);
        run(&mut pacing, &mut clock, adapt, IDLE);
        assert!(run(&mut pacing, &mut clock, Duration::from_millis(100), IDLE) > 0.9);
    }

    #[test]
    fn in_a_busy_host_short_jobs_share_a_turn() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        run(&mut pacing, &mut clock, Duration::from_millis(100), IDLE);
        pacing.began(clock, IDLE, 0);
        pacing.ended(clock, BATCH);
        assert_eq!(pacing.turn_goes_on(clock), None, "in an idle host the lock is let go");
        run(&mut pacing, &mut clock, Duration::from_millis(500), BUSY);
        clock = pacing.due(clock).unwrap();
        pacing.began(clock, BUSY, 0);
        assert_eq!(pacing.turn_goes_on(clock), None, "its job has not ended");
        pacing.ended(clock, TURN / 2);
        assert_eq!(pacing.turn_goes_on(clock), Some(clock));
        let due_after_one = pacing.due(clock).unwrap();
        pacing.ended(clock, TURN / 2);
        assert_eq!(pacing.turn_goes_on(clock), None, "it has had its time");
        assert!(pacing.due(clock).unwrap() > due_after_one, "both jobs are paid for");
    }

    #[test]
    fn a_host_that_is_half_busy_gives_more_than_the_share() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        let mut parts = Vec::new();
        for step in 0..2_000 {
            let waited = if step % 2 == 0 { BUSY } else { IDLE };
            parts.push(run(&mut pacing, &mut clock, BATCH, waited));
        }
        let allowed = pacing.health(clock).allowed;
        assert!((6.0..60.0).contains(&allowed), "{allowed}");
    }

    #[test]
    fn workers_that_wait_for_each_other_are_no_load_of_the_host() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        for _ in 0..5_000 {
            // After a pause there is nobody to wait for.
            let waited = if pacing.due(clock).is_some() { IDLE } else { BUSY };
            clock = pacing.due(clock).unwrap_or(clock);
            pacing.began(clock, waited, 4);
            clock += BATCH;
            pacing.ended(clock, BATCH);
        }
        assert!(pacing.health(clock).allowed > 70.0, "{:?}", pacing.health(clock));
    }

    #[test]
    fn fetches_are_far_apart_in_a_busy_host_only() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        assert_eq!(pacing.fetch_gap(clock), Duration::ZERO, "nothing is known yet");
        run(&mut pacing, &mut clock, Duration::from_millis(500), BUSY);
        assert_eq!(pacing.fetch_gap(clock), FETCH_GAP);
        run(&mut pacing, &mut clock, Duration::from_millis(200), IDLE);
        assert!(pacing.fetch_gap(clock) < FETCH_GAP / 50, "{:?}", pacing.fetch_gap(clock));
        run(&mut pacing, &mut clock, Duration::from_millis(500), BUSY);
        assert_eq!(pacing.fetch_gap(clock + LONGEST_PAUSE * 2), Duration::ZERO, "nothing is known any more");
    }

    #[test]
    fn a_hundred_percent_never_paces() {
        let (mut pacing, mut clock) = (Pacing::new(100.0), Instant::now());
        assert!(run(&mut pacing, &mut clock, Duration::from_millis(500), BUSY) > 0.25);
        assert!(pacing.due(clock).is_none());
        assert_eq!(pacing.fetch_gap(clock), Duration::ZERO);
    }

    #[test]
    fn a_long_job_is_paused_for_a_second_at_most() {
        let (mut pacing, mut clock) = (Pacing::new(5.0), Instant::now());
        run(&mut pacing, &mut clock, Duration::from_secs(1), BUSY);
        clock += Duration::from_secs(10);
        pacing.began(clock, BUSY, 0);
        pacing.ended(clock, Duration::from_secs(5));
        assert!(pacing.due(clock).is_none_or(|due| due <= clock + LONGEST_PAUSE));
    }
}
