//! Plays a sequence of steps to the partition and to the model, and compares them.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::Step;
use super::broker::{Announced, Answer, Broker, EARLIEST, LATEST, Notices, SimulatedLink};
use super::model::{Checked, Going, Model, Pausing, ensure};
use crate::config::{BackoffGrowth, OffsetManagement, PauseConfig, TopicConfig};
use crate::hub::Hub;
use crate::kafka::QueueListener;
use crate::lease::{Job, Lease};
use crate::partition::{MarkOutcome, Partition, Place, Request};
use crate::phase::{Hook, Phase};
use crate::sync::Mutex;
use crate::timers::Alarm;

/// Longer than any sequence takes, so that only the play ends it.
const HOUR: Duration = Duration::from_secs(3_600);
/// Longer than any timer.
const LONG: Duration = Duration::from_secs(3_600 * 100);
/// Longer than marks wait to be stored and windows to be looked into.
const TICK: Duration = Duration::from_secs(1);

/// What a sequence is played with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) offsets: OffsetManagement,
    /// Committed by a former assignment, and behind the end of the log.
    pub(super) former: Option<i64>,
    pub(super) notices: Notices,
    pub(super) eofed: bool,
    pub(super) windowed: bool,
    pub(super) max_messages: usize,
}

pub(super) struct Play {
    settings: Settings,
    hub: Arc<Hub>,
    broker: Arc<Mutex<Broker>>,
    partition: Arc<Partition>,
    lease: Option<Lease>,
    model: Model,
    clock: Instant,
}

impl Play {
    pub(super) fn new(settings: Settings) -> Self {
        let (hub, broker) = (Hub::for_tests(), Arc::new(Mutex::new(Broker::new(settings.notices))));
        broker.lock().committed = settings.former;
        let partition = assign(settings, &hub, &broker);
        let model = Model::new(settings.offsets, 0);
        Self { settings, hub, broker, partition, lease: None, model, clock: Instant::now() }
    }

    pub(super) fn step(&mut self, step: Step) -> Checked {
        match step {
            Step::Produce { messages, gap } => self.broker.lock().produce(messages, gap),
            Step::Fetch(most) => self.fetch(usize::from(most)),
            Step::Purge => self.broker.lock().purge(),
            Step::FetchFromTheStart => self.broker.lock().fetch_from_the_start(),
            Step::Take => self.take()?,
            Step::Tick => {
                self.clock += TICK;
                self.ring(self.clock);
            }
            Step::LongWait => self.wait_long(),
            Step::LateAlarm => self.partition.ring(Alarm::Pause, Instant::now()),
            Step::CommitInBackground => {
                let committed = self.broker.lock().commit_stored();
                committed.into_iter().for_each(|offset| self.partition.commit_answered(offset, true));
            }
            Step::AnswerCommit(answer) => {
                self.answer_commit(answer);
            }
            Step::Depart(hook) => self.depart(hook),
            Step::Lose => {
                self.partition.lose();
                self.model.lost = true;
                self.depart(Hook::Revoked);
            }
            Step::Interrupt(times) => {
                for _ in 0..times {
                    self.step(Step::Take)?;
                    self.step(Step::GiveBack)?;
                }
            }
            Step::Reassign => self.reassign()?,
            step => self.ask(step)?,
        }
        self.compare()
    }

    /// What an application asks.
    fn ask(&mut self, step: Step) -> Checked {
        match step {
            Step::Pause { at, ends } => self.pause(at.map(|at| self.somewhere(at)), ends)?,
            Step::Resume => self.resume()?,
            Step::Seek(at) => self.seek(self.somewhere(at))?,
            Step::SeekEarliest => self.seek(EARLIEST)?,
            Step::SeekLatest => self.seek(LATEST)?,
            Step::Commit => {
                let kept = self.partition.commit_stored() == MarkOutcome::Kept;
                ensure!(kept != self.model.lost, "a commit that answers {kept}");
            }
            Step::ResetAttempts => {
                self.partition.reset_attempts();
                self.model.failures = 0;
            }
            step => self.work(step)?,
        }
        Ok(())
    }

    /// What a job does, or how it ends.
    fn work(&mut self, step: Step) -> Checked {
        let Some((first, last)) = self.model.out.and_then(|out| out.span) else { return self.settle(step) };
        let inside = |at: u8| first + i64::from(at) % (last - first + 1);
        match step {
            Step::Mark(at) => self.mark(inside(at))?,
            Step::MarkOlder(at) => self.mark((first - i64::from(at) % 8).max(0))?,
            Step::Forget => self.set_next(None),
            Step::SetNext(at) => self.set_next(Some(self.somewhere(at))),
            Step::DeadLetter(at) => {
                let next = inside(at) + 1;
                self.lease.take().map(|lease| lease.dead_letter(next));
                self.model.failed(Some(next));
            }
            step => self.settle(step)?,
        }
        Ok(())
    }

    fn settle(&mut self, step: Step) -> Checked {
        let Some(lease) = self.lease.as_ref() else { return Ok(()) };
        match step {
            Step::Succeed => {
                lease.succeed();
                self.model.succeeded();
            }
            Step::Fail => {
                lease.fail();
                self.model.failed(None);
            }
            Step::Postpone => {
                lease.postpone();
                self.model.postponed();
            }
            Step::GiveBack => {
                lease.give_back();
                self.model.given_back();
            }
            Step::DropLease => self.model.given_back(),
            _ => return Ok(()),
        }
        self.lease = None;
        Ok(())
    }

    fn somewhere(&self, at: u8) -> i64 {
        i64::from(at) % (self.broker.lock().end() + 1)
    }

    fn mark(&mut self, offset: i64) -> Checked {
        let kept = self.partition.mark(offset) == MarkOutcome::Kept;
        let counts = self.model.mark(offset);
        ensure!(kept == counts, "a mark of {offset} that answers {kept}");
        Ok(())
    }

    fn set_next(&mut self, offset: Option<i64>) {
        self.partition.set_next_offset(offset);
        self.model.next = offset;
    }

    fn check_answer(&self, answer: Request) -> Checked {
        ensure!((answer == Request::Lost) == self.model.lost, "answers {answer:?}");
        Ok(())
    }

    fn pause(&mut self, offset: Option<i64>, ends: bool) -> Checked {
        let answer = self.partition.pause(offset, ends.then_some(HOUR));
        self.check_answer(answer)?;
        self.model.pause(offset, if ends { Pausing::Timed } else { Pausing::ForEver });
        Ok(())
    }

    fn resume(&mut self) -> Checked {
        let answer = self.partition.resume();
        self.check_answer(answer)?;
        if !self.model.lost {
            self.model.pausing = Pausing::No;
        }
        Ok(())
    }

    fn seek(&mut self, target: i64) -> Checked {
        self.model.seek(target, &self.broker.lock());
        let answer = self.partition.seek(target);
        self.check_answer(answer)
    }

    fn fetch(&mut self, most: usize) {
        let announced = self.broker.lock().fetch(most);
        if announced == Announced::Yes {
            self.partition.queue_filled();
        }
    }

    fn take(&mut self) -> Checked {
        let mut turns = 0;
        while let Some(partition) = self.hub.ready.pop_now() {
            // What the queue repeats is taken, and delivered to nobody.
            turns += usize::from(!self.broker.lock().is_repeating());
            ensure!(turns < 10, "ready again and again for nothing");
            if let Some(lease) = partition.take() {
                self.model.granted(&lease, &self.broker.lock(), self.settings.max_messages)?;
                ensure!(lease.job() != Job::Eofed || self.settings.eofed, "an end that nobody wants to know");
                self.lease = Some(lease);
            }
        }
        Ok(())
    }

    fn ring(&mut self, now: Instant) {
        while let Some((alarm, partition)) = self.hub.timers.pop_due(now) {
            partition.ring(alarm, now);
        }
    }

    fn wait_long(&mut self) {
        self.ring(self.clock + LONG);
        if self.model.pausing == Pausing::Timed {
            self.model.pausing = Pausing::No;
        }
    }

    fn depart(&mut self, hook: Hook) {
        self.partition.depart(hook);
        self.model.depart(hook);
    }

    /// Whether there was one.
    fn answer_commit(&mut self, answer: Answer) -> bool {
        let answered = self.broker.lock().answer_commit(answer);
        answered.into_iter().for_each(|offset| self.partition.commit_answered(offset, answer == Answer::Accepted));
        answered.is_some()
    }

    /// What a poll thread does when a partition has gone, and the next assignment.
    fn reassign(&mut self) -> Checked {
        if self.model.going != Going::Gone {
            return Ok(());
        }
        self.partition.store_last_marks();
        self.compare()?;
        while self.answer_commit(Answer::Accepted) {}
        let mut broker = self.broker.lock();
        let _ = broker.commit_stored();
        self.model.departed(broker.committed)?;
        broker.reassign();
        let start = broker.start();
        drop(broker);
        self.partition.disconnect();
        // Workers find the list's last entry of it, and nothing behind it.
        self.take()?;
        ensure!(self.partition.mark(0) == MarkOutcome::Lost, "a mark after the end");
        ensure!(self.hub.timers.next_at().is_none(), "an alarm after the end");
        self.partition = assign(self.settings, &self.hub, &self.broker);
        self.model = Model::new(self.settings.offsets, start);
        Ok(())
    }

    fn compare(&mut self) -> Checked {
        let (stores, commits) = {
            let mut broker = self.broker.lock();
            (std::mem::take(&mut broker.stores), std::mem::take(&mut broker.commits))
        };
        self.model.committed(&stores, &commits)?;
        let (partition, model) = (&self.partition, &self.model);
        let phase = partition.phase();
        let listed = self.hub.ready.len();
        let waits = matches!(phase, Phase::Ready | Phase::HookReady(_));
        ensure!(listed <= 1 && (!waits || listed == 1), "{phase:?} and {listed} times in the list");
        ensure!((phase == Phase::Gone) == (model.going == Going::Gone), "{phase:?} and {:?}", model.going);
        ensure!(partition.is_paused() == (model.pausing != Pausing::No), "{phase:?} and {:?}", model.pausing);
        ensure!(partition.next_offset() == model.next, "seek offset {:?} {:?}", partition.next_offset(), model.next);
        ensure!(partition.attempt() == model.failures + 1, "attempt {}", partition.attempt());
        Ok(())
    }

    /// Everything that is left is delivered, and the partition leaves.
    pub(super) fn end(&mut self) -> Checked {
        if self.model.going == Going::Stays {
            // Each message is a batch at worst, and each may be followed by a notice of the end.
            let mut rounds = 3 * self.broker.lock().messages_from(0).len() + 500;
            while rounds > 0 && (self.lease.is_some() || !self.model.is_at_the_end(&self.broker.lock())) {
                rounds -= 1;
                self.resume()?;
                self.round()?;
            }
            let place = self.partition.position();
            let left = place.map(|place| self.broker.lock().messages_from(place).to_vec());
            ensure!(left.as_ref().is_none_or(Vec::is_empty), "never delivered {left:?}");
            ensure!(self.model.is_at_the_end(&self.broker.lock()), "stuck at {:?}", self.model.place);
            self.depart(Hook::Shutdown);
        }
        (0..3).try_for_each(|_| self.round())?;
        ensure!(self.model.going == Going::Gone, "did not leave: {:?}", self.partition.phase());
        self.reassign()
    }

    fn round(&mut self) -> Checked {
        self.fetch(usize::MAX);
        self.wait_long();
        self.compare()?;
        self.take()?;
        self.settle(Step::Succeed)?;
        self.compare()
    }
}

fn assign(settings: Settings, hub: &Arc<Hub>, broker: &Arc<Mutex<Broker>>) -> Arc<Partition> {
    let hour = u64::try_from(HOUR.as_millis()).unwrap_or(u64::MAX);
    let topic = TopicConfig {
        name: "orders".into(),
        max_messages: settings.max_messages,
        max_wait_time_ms: 0,
        offsets: settings.offsets,
        pause: PauseConfig { timeout_ms: hour, max_timeout_ms: hour, growth: BackoffGrowth::Flat },
        eofed: settings.eofed,
    };
    let window = if settings.windowed { HOUR } else { Duration::ZERO };
    let place = Place { assignment: hub.next_assignment(), group: 0, topic_index: 0, topic, partition: 0, window };
    let partition = Partition::new(place, Arc::clone(hub), Weak::new());
    *partition.link.write() = Some(Box::new(SimulatedLink(Arc::clone(broker))));
    partition
}
