//! Every row of the table, and what the table leaves out.

use super::*;
use Consumer::{Absent, Present};
use Delivery::{Immediate, Windowed};
use Input::{Depart, Filled, Look, Pause, Resume, Settled, Take};

const REVOKED: Hook = Hook::Revoked;
const SHUTDOWN: Hook = Hook::Shutdown;

const PLAIN: Circumstances = Circumstances { delivery: Immediate, consumer: Present, rest: Rest::Unset };
const WINDOWED: Circumstances = Circumstances { delivery: Windowed, ..PLAIN };
const ABSENT: Circumstances = Circumstances { consumer: Absent, ..PLAIN };
const RESTING: Circumstances = Circumstances { rest: Rest::Set, ..PLAIN };

const ALL: [Phase; 13] = [
    Phase::Idle,
    Phase::Gathering,
    Phase::Ready,
    Phase::Leased,
    Phase::LeasedMore,
    Phase::Paused,
    Phase::Draining(Hook::Revoked),
    Phase::Draining(Hook::Shutdown),
    Phase::HookReady(Hook::Revoked),
    Phase::HookReady(Hook::Shutdown),
    Phase::HookLeased(Hook::Revoked),
    Phase::HookLeased(Hook::Shutdown),
    Phase::Gone,
];

const INPUTS: [Input; 10] = [
    Filled,
    Look,
    Take,
    Settled(After::GoOn),
    Settled(After::Again),
    Settled(After::Gather),
    Pause,
    Resume,
    Depart(Hook::Revoked),
    Depart(Hook::Shutdown),
];

type Row = (Phase, Input, Circumstances, Phase, Effect);

fn check(rows: &[Row]) {
    for (phase, input, so, next, effect) in rows {
        assert_eq!(phase.transition(*input, *so), (*next, *effect), "{phase:?} on {input:?}, {so:?}");
    }
}

#[test]
fn a_queue_that_fills_wakes_the_partition() {
    check(&[
        (Phase::Idle, Filled, PLAIN, Phase::Ready, Effect::Enqueue),
        (Phase::Idle, Filled, WINDOWED, Phase::Gathering, Effect::OpenWindow),
        (Phase::Leased, Filled, PLAIN, Phase::LeasedMore, Effect::None),
    ]);
}

#[test]
fn a_worker_or_a_look_takes_it() {
    check(&[
        (Phase::Gathering, Look, WINDOWED, Phase::Leased, Effect::Look),
        (Phase::Ready, Take, PLAIN, Phase::Leased, Effect::Grant),
        (Phase::HookReady(SHUTDOWN), Take, PLAIN, Phase::HookLeased(SHUTDOWN), Effect::GrantHook(SHUTDOWN)),
        (Phase::HookReady(REVOKED), Take, PLAIN, Phase::HookLeased(REVOKED), Effect::GrantHook(REVOKED)),
    ]);
}

#[test]
fn a_lease_that_ended_decides_how_delivery_goes_on() {
    check(&[
        (Phase::Leased, Settled(After::GoOn), PLAIN, Phase::Idle, Effect::None),
        (Phase::LeasedMore, Settled(After::GoOn), PLAIN, Phase::Ready, Effect::Enqueue),
        (Phase::LeasedMore, Settled(After::GoOn), WINDOWED, Phase::Gathering, Effect::OpenWindow),
        (Phase::Leased, Settled(After::Again), WINDOWED, Phase::Ready, Effect::Enqueue),
        (Phase::LeasedMore, Settled(After::Again), PLAIN, Phase::Ready, Effect::Enqueue),
        (Phase::Leased, Settled(After::Gather), WINDOWED, Phase::Gathering, Effect::None),
        (Phase::LeasedMore, Settled(After::Gather), WINDOWED, Phase::Gathering, Effect::None),
    ]);
}

#[test]
fn a_pause_holds_as_soon_as_nobody_has_the_messages() {
    check(&[
        (Phase::Idle, Pause, RESTING, Phase::Paused, Effect::None),
        (Phase::Gathering, Pause, RESTING, Phase::Paused, Effect::None),
        (Phase::Ready, Pause, RESTING, Phase::Paused, Effect::None),
        (Phase::Paused, Resume, PLAIN, Phase::Ready, Effect::Enqueue),
    ]);
    for after in [After::GoOn, After::Again, After::Gather] {
        check(&[
            (Phase::Leased, Settled(after), RESTING, Phase::Paused, Effect::None),
            (Phase::LeasedMore, Settled(after), RESTING, Phase::Paused, Effect::None),
        ]);
    }
}

#[test]
fn a_partition_that_leaves_ends_its_lease_and_then_runs_its_hook() {
    for hook in [REVOKED, SHUTDOWN] {
        for phase in [Phase::Idle, Phase::Gathering, Phase::Ready, Phase::Paused] {
            check(&[
                (phase, Depart(hook), PLAIN, Phase::HookReady(hook), Effect::Enqueue),
                (phase, Depart(hook), ABSENT, Phase::Gone, Effect::Report),
            ]);
        }
        for phase in [Phase::Leased, Phase::LeasedMore] {
            check(&[(phase, Depart(hook), PLAIN, Phase::Draining(hook), Effect::None)]);
        }
        for after in [After::GoOn, After::Again, After::Gather] {
            check(&[
                (Phase::Draining(hook), Settled(after), RESTING, Phase::HookReady(hook), Effect::Enqueue),
                (Phase::Draining(hook), Settled(after), ABSENT, Phase::Gone, Effect::Report),
            ]);
        }
        check(&[
            (Phase::HookLeased(hook), Settled(After::GoOn), RESTING, Phase::Gone, Effect::Report),
            (Phase::HookLeased(hook), Settled(After::Gather), PLAIN, Phase::Gone, Effect::Report),
            (Phase::HookLeased(hook), Settled(After::Again), RESTING, Phase::HookReady(hook), Effect::Enqueue),
        ]);
    }
}

#[test]
fn what_comes_late_changes_nothing() {
    let expected = |phase: Phase, input: Input| match (phase, input) {
        (Phase::Idle, Filled | Pause | Depart(_))
        | (Phase::Gathering, Look | Pause | Depart(_))
        | (Phase::Ready, Take | Pause | Depart(_))
        | (Phase::Leased, Filled | Settled(_) | Depart(_))
        | (Phase::LeasedMore, Settled(_) | Depart(_))
        | (Phase::Paused, Resume | Depart(_))
        | (Phase::Draining(_) | Phase::HookLeased(_), Settled(_))
        | (Phase::HookReady(_), Take) => Moves::Yes,
        _ => Moves::No,
    };
    for phase in ALL {
        for input in INPUTS {
            if expected(phase, input) == Moves::No {
                assert_eq!(phase.transition(input, PLAIN), (phase, Effect::None), "{phase:?} on {input:?}");
            } else {
                assert_ne!(phase.transition(input, PLAIN).0, phase, "{phase:?} on {input:?}");
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Moves {
    Yes,
    No,
}

#[test]
fn who_is_leaving_delivers_no_batch() {
    for phase in ALL.into_iter().filter(|phase| phase.is_leaving()) {
        for input in INPUTS {
            let (next, effect) = phase.transition(input, PLAIN);
            assert!(next.is_leaving() && effect != Effect::Grant, "{phase:?} on {input:?}");
        }
    }
}
