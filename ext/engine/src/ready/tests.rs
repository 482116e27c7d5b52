//! Who is called for what is ready, and when.

use std::sync::mpsc;
use std::thread::JoinHandle;

use super::*;

#[test]
fn what_a_worker_leaves_behind_is_taken_by_one_that_waits() {
    let ready = Arc::new(ReadyList::default());
    let (leaving, waiting) = (Arc::new(Seat::default()), Arc::new(Seat::default()));
    ready.push(Partition::for_tests(), Taker::Waiting);
    assert!(matches!(ready.pop(&leaving), Popped::Partition(_)));
    let taker = {
        let (ready, seat) = (Arc::clone(&ready), Arc::clone(&waiting));
        std::thread::spawn(move || matches!(ready.pop(&seat), Popped::Partition(_)))
    };
    while ready.idle_workers() == 0 {
        std::thread::yield_now();
    }
    // Its job ends: it would take the partition itself.
    ready.push(Partition::for_tests(), Taker::Caller);
    ready.leave(&leaving);
    assert!(taker.join().unwrap());
    assert_eq!(ready.busy_workers(), 1, "the one that took it");
}

#[test]
fn those_are_present_who_came_for_work_and_are_not_about_to_leave() {
    let ready = ReadyList::default();
    ready.want(3);
    let [retired, left, new] = std::array::from_fn(|_| Arc::new(Seat::default()));
    for seat in [&retired, &left] {
        ready.push(Partition::for_tests(), Taker::Caller);
        assert!(matches!(ready.pop(seat), Popped::Partition(_)));
    }
    assert_eq!(ready.workers(), Workers { wanted: 3, present: 2, idle: 0 });
    ready.retire(&retired);
    (0..2).for_each(|_| ready.leave(&left));
    assert_eq!(ready.workers().missing(), 3, "one still has its last job");
    ready.leave(&retired);
    ready.leave(&new);
    assert_eq!(ready.workers().missing(), 3, "who never came does not leave");
    assert!(matches!(ready.pop(&retired), Popped::Interrupted));
    assert_eq!(ready.workers().missing(), 3, "nor does who left come again");
}

/// A list with so small a share that a pause is longer than any machine is slow.
fn with_long_pauses() -> Arc<ReadyList> {
    Arc::new(ReadyList::new(Arc::default(), Pacing::new(0.1)))
}

fn turn(ready: &ReadyList, seat: &Arc<Seat>, waited: Duration) {
    assert!(matches!(ready.pop(seat), Popped::Partition(_)));
    ready.began(waited);
    ready.ended(Waited::No, Duration::from_micros(100));
}

/// Turns that wait for Ruby's lock, until the host counts as busy.
fn have_host_busy(ready: &ReadyList, seat: &Arc<Seat>) {
    for _ in 0..8 {
        ready.push(Partition::for_tests(), Taker::Waiting);
        std::thread::sleep(Duration::from_millis(20));
        turn(ready, seat, Duration::from_millis(10));
    }
}

#[test]
fn in_a_busy_host_a_worker_goes_on_in_its_turn() {
    let (ready, seat) = (with_long_pauses(), Arc::new(Seat::default()));
    (0..3).for_each(|_| ready.push(Partition::for_tests(), Taker::Waiting));
    turn(&ready, &seat, Duration::ZERO);
    assert!(ready.next_in_turn(&seat).is_none(), "an idle host");
    have_host_busy(&ready, &seat);
    assert!(ready.next_in_turn(&Seat::default()).is_none(), "a newcomer has no turn");
    assert!(ready.next_in_turn(&seat).is_some(), "a busy host");
    ready.ended(Waited::No, Duration::from_millis(1));
    assert!(ready.next_in_turn(&seat).is_none(), "the turn is over");
}

#[test]
fn nobody_looks_again_and_again_during_a_pause() {
    let ready = with_long_pauses();
    have_host_busy(&ready, &Arc::default());
    ready.push(Partition::for_tests(), Taker::Waiting);
    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let ready = Arc::clone(&ready);
            std::thread::spawn(move || matches!(ready.pop(&Arc::default()), Popped::Closed))
        })
        .collect();
    while ready.idle_workers() < 2 {
        std::thread::yield_now();
    }
    ready.list.lock().watch = Watch::On;
    assert_eq!(ready.look(), None, "one waits for the end of the pause, the other rests");
    ready.close();
    assert!(waiting.into_iter().all(|worker| worker.join().unwrap()));
}

#[test]
fn fetches_wait_in_a_busy_host_until_the_list_is_closed() {
    let ready = with_long_pauses();
    have_host_busy(&ready, &Arc::default());
    let waiter = {
        let ready = Arc::clone(&ready);
        // As if the last fetch were yet to come: the gap alone would never be over.
        let last = Instant::now() + Duration::from_secs(3_600);
        std::thread::spawn(move || ready.space_fetches(last, Duration::from_secs(1)))
    };
    std::thread::sleep(Duration::from_millis(20));
    assert!(!waiter.is_finished());
    ready.close();
    waiter.join().unwrap();
}

/// Three workers that rest, and who of them took what was ready.
fn three_that_rest(ready: &Arc<ReadyList>) -> (Vec<JoinHandle<()>>, mpsc::Receiver<usize>) {
    let (took, taken) = mpsc::channel();
    let seats: Vec<_> = (0..3).map(|_| ready.seat()).collect();
    let resters = seats.into_iter().rev().map(|seat| {
        let (ready, took) = (Arc::clone(ready), took.clone());
        std::thread::spawn(move || {
            while let Popped::Partition(_) = ready.pop(&seat) {
                took.send(seat.number).unwrap();
            }
        })
    });
    let resters = resters.collect();
    until_three_rest(ready);
    (resters, taken)
}

fn until_three_rest(ready: &ReadyList) {
    while ready.idle_workers() < 3 {
        std::thread::yield_now();
    }
}

#[test]
fn the_one_whose_seat_was_taken_first_is_called_first() {
    let ready = Arc::new(ReadyList::default());
    let (resters, taken) = three_that_rest(&ready);
    for _ in 0..3 {
        ready.push(Partition::for_tests(), Taker::Waiting);
        assert_eq!(taken.recv().unwrap(), 0);
        until_three_rest(&ready);
    }
    ready.close();
    resters.into_iter().for_each(|rester| rester.join().unwrap());
}

#[test]
fn a_worker_that_works_alone_hands_over_to_one_whose_seat_was_taken_before() {
    let ready = Arc::new(ReadyList::default());
    let (resters, taken) = three_that_rest(&ready);
    let late = ready.seat();
    let popper = {
        let ready = Arc::clone(&ready);
        std::thread::spawn(move || matches!(ready.pop(&late), Popped::Closed))
    };
    while ready.idle_workers() < 4 {
        std::thread::yield_now();
    }
    // Nobody is called for it, but the one that came last looks.
    ready.list.lock().waiting.push_back(Partition::for_tests());
    ready.list.lock().resting.first().unwrap().called.notify_one();
    assert_eq!(taken.recv_timeout(Duration::from_secs(10)).unwrap(), 0);
    ready.close();
    assert!(popper.join().unwrap());
    resters.into_iter().for_each(|rester| rester.join().unwrap());
}

#[test]
fn jobs_are_taken_to_wait_until_they_show_otherwise() {
    let ready = ReadyList::default();
    let returns_fast = |ready: &ReadyList| {
        let mut list = ready.list.lock();
        (list.busy_workers, list.last_pop) = (1, Some(Instant::now()));
        list.returns_fast(Instant::now())
    };
    assert!(!returns_fast(&ready));
    (0..20).for_each(|_| ready.ended(Waited::No, Duration::ZERO));
    assert!(returns_fast(&ready));
    (0..20).for_each(|_| ready.ended(Waited::Yes, Duration::ZERO));
    assert!(!returns_fast(&ready));
}

#[test]
fn what_is_left_to_the_busy_is_looked_after_from_that_moment_on() {
    let ready = ReadyList::default();
    ready.list.lock().waiting.push_back(Partition::for_tests());
    let then = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    let mut list = ready.list.lock();
    (list.busy_workers, list.waiting_share, list.last_pop) = (1, 0, Some(then));
    assert!(!ready.trusts_the_busy(&mut list, Instant::now()), "by now they are late");
    assert!(list.watch == Watch::Off);
    assert!(ready.trusts_the_busy(&mut list, then));
    assert!(list.watch == Watch::On, "whatever time it has become");
}

#[test]
fn a_closed_list_keeps_nothing() {
    let ready = ReadyList::default();
    ready.close();
    ready.push(Partition::for_tests(), Taker::Waiting);
    assert!(ready.is_empty());
    assert!(matches!(ready.pop(&Arc::default()), Popped::Closed));
}
