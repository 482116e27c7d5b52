//! Random sequences of what can happen to a partition, held against a simple model.
//!
//! The partition is the real one, with its timers, its ready list and its offsets; only librdkafka behind its
//! [`Link`](super::link::Link) is simulated, with the traps of the real one: a seek outdates the queue without emptying it,
//! and a queue that is not empty announces nothing.

mod broker;
mod model;
mod play;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError};

use crate::config::OffsetManagement;
use crate::kafka::QueueListener;
use crate::lease::Lease;
use crate::partition::Partition;
use crate::partition::settling::REPEATED_AT_ONCE;
use crate::phase::Hook;
use crate::sync::Mutex;
use broker::{Answer, Broker, Notices, SimulatedLink};
use play::{Play, Settings};

/// Steps of one sequence, on average.
const STEPS: usize = 100;
/// Steps in all; `KARAFKA_PROPERTY_STEPS` asks for another number.
const ALL_STEPS: usize = 1_000_000;

/// What can happen. What needs a lease is nothing while none is out.
#[derive(Debug, Clone, Copy)]
enum Step {
    Produce {
        messages: u8,
        gap: u8,
    },
    Fetch(u8),
    Purge,
    /// librdkafka asks for the assignment's start once more.
    FetchFromTheStart,
    Take,
    /// The clock goes on a little: windows are looked into, marks are stored.
    Tick,
    /// All timers end.
    LongWait,
    /// An alarm rings that was set for something else.
    LateAlarm,
    Mark(u8),
    MarkOlder(u8),
    Forget,
    SetNext(u8),
    ResetAttempts,
    Commit,
    CommitInBackground,
    AnswerCommit(Answer),
    Pause {
        at: Option<u8>,
        ends: bool,
    },
    Resume,
    Seek(u8),
    SeekEarliest,
    SeekLatest,
    Succeed,
    Fail,
    Postpone,
    DeadLetter(u8),
    GiveBack,
    DropLease,
    /// Whoever takes a lease is interrupted.
    Interrupt(u8),
    Depart(Hook),
    Lose,
    Reassign,
}

fn step() -> impl Strategy<Value = Step> {
    let hook = prop_oneof![Just(Hook::Revoked), Just(Hook::Shutdown)];
    prop_oneof![
        8 => (1..6_u8, 0..3_u8).prop_map(|(messages, gap)| Step::Produce { messages, gap }),
        10 => (1..8_u8).prop_map(Step::Fetch),
        2 => Just(Step::Purge),
        2 => Just(Step::FetchFromTheStart),
        20 => Just(Step::Take),
        5 => Just(Step::Tick),
        5 => Just(Step::LongWait),
        2 => Just(Step::LateAlarm),
        6 => any::<u8>().prop_map(Step::Mark),
        1 => any::<u8>().prop_map(Step::MarkOlder),
        1 => Just(Step::Forget),
        1 => any::<u8>().prop_map(Step::SetNext),
        1 => Just(Step::ResetAttempts),
        1 => Just(Step::Commit),
        2 => Just(Step::CommitInBackground),
        5 => prop_oneof![Just(Answer::Accepted), Just(Answer::Refused)].prop_map(Step::AnswerCommit),
        3 => (proptest::option::of(any::<u8>()), any::<bool>()).prop_map(|(at, ends)| Step::Pause { at, ends }),
        2 => Just(Step::Resume),
        3 => any::<u8>().prop_map(Step::Seek),
        1 => Just(Step::SeekEarliest),
        1 => Just(Step::SeekLatest),
        12 => Just(Step::Succeed),
        5 => Just(Step::Fail),
        2 => Just(Step::Postpone),
        2 => any::<u8>().prop_map(Step::DeadLetter),
        2 => Just(Step::GiveBack),
        1 => Just(Step::DropLease),
        1 => (1..20_u8).prop_map(Step::Interrupt),
        1 => hook.prop_map(Step::Depart),
        1 => Just(Step::Lose),
        3 => Just(Step::Reassign),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let offsets = prop_oneof![Just(OffsetManagement::Automatic), Just(OffsetManagement::Manual)];
    let notices = prop_oneof![Just(Notices::Unasked), Just(Notices::Asked)];
    let former = proptest::option::of(1..200_i64);
    (offsets, former, notices, any::<bool>(), any::<bool>(), 1..6_usize).prop_map(
        |(offsets, former, notices, eofed, windowed, max_messages)| Settings {
            offsets,
            former,
            notices,
            eofed: eofed && notices == Notices::Asked,
            windowed,
            max_messages,
        },
    )
}

#[test]
fn no_message_is_lost_or_out_of_order_and_nothing_unmarked_is_committed() {
    let asked = std::env::var("KARAFKA_PROPERTY_STEPS").ok().and_then(|steps| steps.parse().ok());
    let all = asked.unwrap_or(ALL_STEPS);
    // Sequences are of any length up to twice the average, so that a failure can be shrunk to few steps.
    let cases = u32::try_from(all.div_ceil(STEPS) * 11 / 10).unwrap();
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100_000, ..Config::default() };
    let played = Cell::new(0);
    proptest!(config, |(settings in settings(), steps in vec(step(), 0..=2 * STEPS))| {
        let mut play = Play::new(settings);
        for step in &steps {
            play.step(*step).map_err(|text| TestCaseError::fail(format!("{text}, at {step:?}")))?;
        }
        play.end().map_err(TestCaseError::fail)?;
        played.set(played.get() + steps.len());
    });
    assert!(asked.is_some() || played.get() >= all, "only {} steps were played", played.get());
}

/// A topic that was made anew while its partition was assigned has offsets that were consumed before.
#[test]
fn a_log_that_begins_anew_is_consumed_from_its_start() {
    let broker = Arc::new(Mutex::new(Broker::new(Notices::Unasked)));
    let partition = Partition::for_tests();
    *partition.link.write() = Some(Box::new(SimulatedLink(Arc::clone(&broker))));
    let next = |messages: u8| {
        broker.lock().produce(messages, 0);
        let _ = broker.lock().fetch(usize::from(messages));
        partition.queue_filled();
        partition.take().unwrap()
    };
    next(10).succeed();
    broker.lock().make_anew();

    let lease = next(5);
    assert_eq!((lease.batch().first_offset(), partition.next_offset()), (Some(0), Some(0)));
    lease.give_back();
    let again = partition.take().unwrap();
    assert_eq!(again.batch().len(), 5, "nothing of it was consumed");
    again.succeed();
    assert_eq!((partition.next_offset(), broker.lock().commits.clone()), (Some(5), vec![10]));
    partition.store_marks();
    assert_eq!(broker.lock().commits, [10, 5], "a commit that goes back is asked for explicitly");
}

/// A partition with ten messages.
fn with_messages() -> Arc<Partition> {
    let broker = Arc::new(Mutex::new(Broker::new(Notices::Unasked)));
    let partition = Partition::for_tests();
    *partition.link.write() = Some(Box::new(SimulatedLink(Arc::clone(&broker))));
    broker.lock().produce(10, 0);
    let _ = broker.lock().fetch(10);
    partition.queue_filled();
    partition
}

#[test]
fn what_the_consumer_was_not_given_comes_again_as_the_same_attempt() {
    let partition = with_messages();
    let again = |settle: fn(&Lease) -> Option<Duration>| {
        let lease = partition.take().unwrap();
        let backoff = settle(&lease).unwrap();
        assert!(partition.is_paused());
        partition.resume();
        (lease.attempt(), lease.batch().len(), backoff)
    };
    assert_eq!(again(Lease::postpone).0, 1);
    assert_eq!(again(Lease::postpone).0, 1);
    assert_eq!(again(Lease::fail).0, 1);
    let (attempt, messages, backoff) = again(Lease::postpone);
    assert_eq!((attempt, messages), (2, 10));
    assert!(again(Lease::fail).2 >= backoff);
    assert_eq!(partition.attempt(), 3);
}

#[test]
fn what_is_given_back_again_and_again_rests() {
    let partition = with_messages();
    let interrupt = || partition.take().unwrap().give_back();

    for _ in 0..REPEATED_AT_ONCE {
        interrupt();
    }
    assert!(!partition.is_paused());
    interrupt();
    assert!(partition.is_paused() && partition.take().is_none());
    assert_eq!(partition.attempt(), 1, "nothing has failed");
    partition.resume();
    interrupt();
    assert!(partition.is_paused());
    partition.resume();
    partition.take().unwrap().fail();
    partition.resume();
    interrupt();
    assert!(!partition.is_paused(), "a batch that came to its end is a new beginning");
}
