//! Looks once a second at whether a run does anything: engine threads come round, events are read, jobs end, workers are
//! there. What stands still is a [`Stall`].
//!
//! It looks on the thread of whoever waits for news, without Ruby's lock, and comes back only with news: in a run that goes
//! well Ruby is not woken.

mod stopwatch;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::control;
use crate::events::Reader;
use crate::group::GroupShared;
use crate::hub::Hub;
use crate::lifecycle::State;
use crate::poller;
use crate::ready::Workers;
use crate::report::RunningJob;
use crate::sync::{Condvar, Mutex};
use stopwatch::Stopwatch;

/// Time between two looks.
const TICK: Duration = Duration::from_secs(1);
/// The engine's threads come round once a second when they have nothing to do.
const SHORTEST_STALL: Duration = Duration::from_secs(2);
/// In which something is to move.
const WATCHED: [State; 3] = [State::Running, State::Quieting, State::Quiet];

/// Something that does not move.
#[derive(Debug, Clone, Serialize)]
pub struct Stall {
    /// Its number; another one of the same thing has another.
    pub id: u64,
    /// What does not move.
    #[serde(flatten)]
    pub what: Stalled,
}

/// What does not move, as it was when it was noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Stalled {
    /// A thread of the engine does not come round.
    Thread {
        /// Its name.
        name: String,
    },
    /// Nobody reads the events.
    Reader,
    /// A job runs longer than the group waits for it.
    Job {
        /// `max.poll.interval.ms` of its group.
        interval_ms: u64,
        /// The job.
        #[serde(flatten)]
        job: RunningJob,
    },
    /// No worker has ended its job while partitions wait.
    BusyWorkers {
        /// For how long, in milliseconds.
        timeout_ms: u64,
        /// How many partitions wait.
        waiting: usize,
    },
    /// Workers are gone.
    DeadWorkers {
        /// How many.
        dead: usize,
        /// How many there are to be.
        wanted: usize,
    },
}

/// What there is to know of a run.
#[derive(Debug, Clone, Serialize)]
pub struct News {
    /// Changes with the stalls and with the engine's state.
    pub version: u64,
    /// What stands still.
    pub stalls: Vec<Stall>,
}

/// What is watched, told from others of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    Thread(String),
    Reader,
    /// One that is tried again is another one.
    Job(usize, String, i32, Instant),
    BusyWorkers,
    DeadWorkers,
}

/// A sign of life: it changes as long as the subject lives.
#[derive(Debug, PartialEq, Eq)]
enum Sign {
    Turns(u64),
    Jobs(Vec<Subject>),
    Dead(usize),
    None,
}

/// Something that may stand still.
struct Suspect {
    subject: Subject,
    sign: Sign,
    limit: Duration,
    stalled: Stalled,
}

/// What is known from former looks.
#[derive(Debug)]
struct Findings {
    stopwatch: Stopwatch<Subject, Sign>,
    state: State,
    version: u64,
    stalls: Vec<(Subject, Stall)>,
    next_id: u64,
}

/// Watches one run.
pub struct Watchdog {
    hub: Arc<Hub>,
    groups: Vec<(Arc<GroupShared>, Duration)>,
    stall_timeout: Duration,
    findings: Mutex<Findings>,
    looks: AtomicU64,
    nudged: Mutex<bool>,
    called: Condvar,
}

impl Watchdog {
    /// One that takes for a stall what lasts for so long. Each group comes with its `max.poll.interval.ms`.
    pub fn new(hub: Arc<Hub>, groups: Vec<(Arc<GroupShared>, Duration)>, stall_timeout: Duration) -> Self {
        Self {
            hub,
            groups,
            stall_timeout: stall_timeout.max(SHORTEST_STALL),
            findings: Mutex::new(Findings::new()),
            looks: AtomicU64::new(0),
            nudged: Mutex::new(false),
            called: Condvar::new(),
        }
    }

    /// Looks once a second until there is something else to know than in the `known` version, or a worker is missing, or it
    /// is nudged, for `longest` at most.
    pub fn news(&self, known: u64, longest: Duration) -> News {
        let deadline = Instant::now() + longest;
        loop {
            let nudged = self.tick();
            let workers = self.hub.ready.workers();
            let news = self.look(&workers);
            if nudged || news.version != known || workers.missing() > 0 || Instant::now() >= deadline {
                return news;
            }
        }
    }

    /// Waits for the time of the next look; whether it was nudged.
    fn tick(&self) -> bool {
        let mut nudged = self.called.wait_for(self.nudged.lock(), Instant::now() + TICK, |nudged| *nudged);
        std::mem::take(&mut *nudged)
    }

    /// Makes a [`Watchdog::news`] that waits, or the next one, return early.
    pub fn nudge(&self) {
        *self.nudged.lock() = true;
        self.called.notify_all();
    }

    /// How often it looked.
    pub fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    fn look(&self, workers: &Workers) -> News {
        let state = self.hub.lifecycle.state();
        let suspects = if WATCHED.contains(&state) { self.suspects(workers) } else { Vec::new() };
        let news = self.findings.lock().look(Instant::now(), state, suspects);
        self.looks.fetch_add(1, Ordering::Relaxed);
        news
    }

    fn suspects(&self, workers: &Workers) -> Vec<Suspect> {
        let jobs: Vec<Suspect> = self.groups.iter().flat_map(|(group, interval)| jobs(group, *interval)).collect();
        let mut suspects = self.threads();
        suspects.extend(self.reader());
        suspects.extend(self.workers(workers, &jobs));
        suspects.extend(jobs);
        suspects
    }

    fn threads(&self) -> Vec<Suspect> {
        let polls = self.groups.iter().filter(|(group, _)| !group.is_closed());
        let polls = polls.map(|(group, _)| (poller::thread_name(group.index), group.poll_turns()));
        let all = polls.chain([(control::THREAD.to_string(), self.hub.control_turns())]);
        let suspects = all.map(|(name, turns)| Suspect {
            subject: Subject::Thread(name.clone()),
            sign: Sign::Turns(turns),
            limit: self.stall_timeout,
            stalled: Stalled::Thread { name },
        });
        suspects.collect()
    }

    fn reader(&self) -> Option<Suspect> {
        let Reader::Away { reads } = self.hub.events.reader() else { return None };
        Some(Suspect {
            subject: Subject::Reader,
            sign: Sign::Turns(reads),
            limit: self.stall_timeout,
            stalled: Stalled::Reader,
        })
    }

    fn workers(&self, workers: &Workers, jobs: &[Suspect]) -> Vec<Suspect> {
        let (limit, waiting, dead) = (self.stall_timeout, self.hub.ready.len(), workers.missing());
        let busy = (waiting > 0 && workers.idle == 0).then(|| Suspect {
            subject: Subject::BusyWorkers,
            sign: Sign::Jobs(jobs.iter().map(|job| job.subject.clone()).collect()),
            limit,
            stalled: Stalled::BusyWorkers { timeout_ms: millis(limit), waiting },
        });
        let dead = (dead > 0).then_some(Suspect {
            subject: Subject::DeadWorkers,
            sign: Sign::Dead(dead),
            limit,
            stalled: Stalled::DeadWorkers { dead, wanted: workers.wanted },
        });
        busy.into_iter().chain(dead).collect()
    }
}

fn jobs(group: &GroupShared, interval: Duration) -> Vec<Suspect> {
    let running = RunningJob::of_group(group).into_iter();
    let suspects = running.map(|job| Suspect {
        subject: Subject::Job(group.index, job.topic.clone(), job.partition, job.since),
        sign: Sign::None,
        limit: interval,
        stalled: Stalled::Job { interval_ms: millis(interval), job },
    });
    suspects.collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Findings {
    fn new() -> Self {
        let stopwatch = Stopwatch::new(2 * TICK);
        Self { stopwatch, state: State::Stopped, version: 0, stalls: Vec::new(), next_id: 0 }
    }

    fn look(&mut self, now: Instant, state: State, suspects: Vec<Suspect>) -> News {
        self.stopwatch.look(now);
        let stopwatch = &mut self.stopwatch;
        let standing = suspects.into_iter().filter_map(|Suspect { subject, sign, limit, stalled }| {
            (stopwatch.same_for(subject.clone(), sign) >= limit).then_some((subject, stalled))
        });
        let standing: Vec<_> = standing.collect();
        let former = self.stalls.len();
        self.stalls.retain(|(subject, _)| standing.iter().any(|(other, _)| other == subject));
        let mut changed = self.stalls.len() < former || self.state != state;
        for (subject, what) in standing {
            if self.stalls.iter().all(|(other, _)| *other != subject) {
                self.stalls.push((subject, Stall { id: self.next_id, what }));
                self.next_id += 1;
                changed = true;
            }
        }
        self.state = state;
        self.version += u64::from(changed);
        News { version: self.version, stalls: self.stalls.iter().map(|(_, stall)| stall.clone()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(3);

    fn thread(name: &str, turns: u64) -> Suspect {
        Suspect {
            subject: Subject::Thread(name.into()),
            sign: Sign::Turns(turns),
            limit: LIMIT,
            stalled: Stalled::Thread { name: name.into() },
        }
    }

    /// What is found once a second, as version and ids.
    fn looks<const N: usize>(suspects: [Vec<Suspect>; N]) -> [(u64, Vec<u64>); N] {
        let (mut findings, mut now) = (Findings::new(), Instant::now());
        suspects.map(|suspects| {
            now += TICK;
            let news = findings.look(now, State::Running, suspects);
            (news.version, news.stalls.iter().map(|stall| stall.id).collect())
        })
    }

    #[test]
    fn what_stands_still_is_news_once_and_so_is_its_end() {
        let turns = [1, 1, 1, 1, 1, 2].map(|turns| vec![thread("a", turns)]);
        assert_eq!(looks(turns), [(1, vec![]), (1, vec![]), (1, vec![]), (2, vec![0]), (2, vec![0]), (3, vec![])]);
    }

    #[test]
    fn a_stall_that_comes_as_another_ends_is_news_and_another_stall() {
        let turns = [(1, 0), (1, 1), (1, 1), (1, 1), (2, 1)].map(|(a, b)| vec![thread("a", a), thread("b", b)]);
        assert_eq!(looks(turns)[3..], [(2, vec![0]), (3, vec![1])]);
        let again = [1, 1, 1, 1, 2, 2, 2, 2].map(|turns| vec![thread("a", turns)]);
        assert_eq!(looks(again)[7], (4, vec![1]));
    }

    #[test]
    fn a_state_is_news() {
        let (mut findings, now) = (Findings::new(), Instant::now());
        let versions =
            [State::Running, State::Running, State::Quieting].map(|state| findings.look(now, state, vec![]).version);
        assert_eq!(versions, [1, 1, 2]);
    }

    fn watchdog() -> (Arc<Hub>, Watchdog) {
        let hub = Hub::for_tests();
        (Arc::clone(&hub), Watchdog::new(hub, Vec::new(), Duration::ZERO))
    }

    #[test]
    fn news_are_waited_for_until_the_wait_is_nudged() {
        let (_, watchdog) = watchdog();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| watchdog.news(0, Duration::from_secs(60)));
            watchdog.nudge();
            assert_eq!(waiting.join().unwrap().version, 0);
        });
        assert_eq!(watchdog.looks(), 1);
    }

    #[test]
    fn a_missing_worker_is_told_at_each_look() {
        let (hub, watchdog) = watchdog();
        hub.ready.want(1);
        let news = watchdog.news(0, Duration::from_secs(60));
        assert_eq!((watchdog.looks(), news.version), (1, 0));
    }
}
