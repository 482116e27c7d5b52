//! Messages that were read, on their way back to the thread that made them.
//!
//! librdkafka allocates an entry for each message on its thread for the broker, and who has read the message frees it. Both
//! need the lock of the same part of the heap: with a backlog they waited for each other several thousand times a second.
//! So a reader lays what it has read aside, and the broker's thread frees it once it has asked for the next fetch, when it
//! would only wait for the answer. A message keeps its fetch's buffer, and its broker's thread, which can't end before: what
//! a broker does not free soon, because nothing more is fetched from it, the poll thread does.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::sys;
use crate::sync::Mutex;

/// Fewer messages at once are no backlog: nobody is waited for, and nothing should stay behind.
const FEWEST: usize = 16;
/// What is laid aside for longer is freed by somebody else.
const LONGEST: Duration = Duration::from_secs(1);
/// More bytes of one broker's messages are not laid aside. The buffers of their fetches are not counted: those are kept until
/// the last of their messages is read in any case.
const MOST_BYTES: usize = 4 << 20;
/// What librdkafka has in memory of a message beside its payload and key, about.
pub(crate) const ENTRY_BYTES: usize = 320;

type Message = *mut sys::rd_kafka_message_t;

/// What is laid aside of one client's messages. It has to be empty before the client is destroyed.
pub(super) struct Spent {
    by_broker: Mutex<BTreeMap<i32, Pile>>,
    free: unsafe extern "C" fn(Message),
}

#[derive(Default)]
struct Pile {
    messages: Vec<Message>,
    bytes: usize,
    /// When the first of them was laid aside.
    since: Option<Instant>,
}

// SAFETY: librdkafka's messages may be freed on any thread, and each is in one pile alone.
unsafe impl Send for Pile {}

impl Default for Spent {
    fn default() -> Self {
        Self { by_broker: Mutex::default(), free: sys::rd_kafka_message_destroy }
    }
}

impl Spent {
    /// Has messages of a broker freed, now or by the broker's thread.
    ///
    /// # Safety
    /// They are live, the caller's, and not used any more.
    pub(super) unsafe fn add(&self, broker: i32, messages: &[Message]) {
        // Without a broker are errors of the client, and what they came with.
        if broker < 0 || messages.len() < FEWEST || !self.lay_aside(broker, messages) {
            // SAFETY: promised by the caller.
            unsafe { self.free_each(messages) }
        }
    }

    /// Whether there was room for them.
    fn lay_aside(&self, broker: i32, messages: &[Message]) -> bool {
        // SAFETY: the messages are live.
        let bytes = messages.iter().map(|one| unsafe { ENTRY_BYTES + (**one).len + (**one).key_len }).sum::<usize>();
        let mut by_broker = self.by_broker.lock();
        let pile = by_broker.entry(broker).or_default();
        let has_room = pile.bytes + bytes <= MOST_BYTES;
        if has_room {
            pile.messages.extend_from_slice(messages);
            pile.bytes += bytes;
            pile.since.get_or_insert_with(Instant::now);
        }
        has_room
    }

    /// Frees what is laid aside of this broker's messages.
    pub(super) fn free(&self, broker: i32) {
        let Some(Pile { mut messages, .. }) = self.by_broker.lock().get_mut(&broker).map(std::mem::take) else {
            return;
        };
        // SAFETY: `add` was given them to free, and they are in no pile any more.
        unsafe { self.free_each(&messages) }
        messages.clear();
        // Its room is used again, unless others were laid aside meanwhile.
        if let Some(pile) = self.by_broker.lock().get_mut(&broker).filter(|pile| pile.messages.capacity() == 0) {
            pile.messages = messages;
        }
    }

    /// Frees what was laid aside a second ago and is still there.
    pub(super) fn free_stale(&self, now: Instant) {
        let is_stale = |pile: &Pile| pile.since.is_some_and(|since| now.saturating_duration_since(since) >= LONGEST);
        let stale: Vec<Pile> =
            self.by_broker.lock().values_mut().filter(|pile| is_stale(pile)).map(std::mem::take).collect();
        // SAFETY: as above.
        stale.iter().for_each(|pile| unsafe { self.free_each(&pile.messages) });
    }

    /// Frees all that is laid aside.
    pub(super) fn free_all(&self) {
        let all = std::mem::take(&mut *self.by_broker.lock());
        // SAFETY: as above.
        all.values().for_each(|pile| unsafe { self.free_each(&pile.messages) });
    }

    /// # Safety
    /// The messages are live, the caller's, and not used any more.
    unsafe fn free_each(&self, messages: &[Message]) {
        // SAFETY: promised by the caller.
        messages.iter().for_each(|message| unsafe { (self.free)(*message) });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static FREED: Cell<usize> = const { Cell::new(0) };
    }

    unsafe extern "C" fn free(message: Message) {
        // SAFETY: the tests' messages are boxes.
        drop(unsafe { Box::from_raw(message) });
        FREED.set(FREED.get() + 1);
    }

    fn freed() -> usize {
        FREED.replace(0)
    }

    fn add(spent: &Spent, broker: i32, count: usize, len: usize) {
        let message = || {
            // SAFETY: zero is valid for each field: null pointers, numbers, and "no error".
            let mut message: sys::rd_kafka_message_t = unsafe { std::mem::zeroed() };
            message.len = len;
            Box::into_raw(Box::new(message))
        };
        let messages: Vec<_> = std::iter::repeat_with(message).take(count).collect();
        // SAFETY: they were just made.
        unsafe { spent.add(broker, &messages) }
    }

    fn spent() -> Spent {
        Spent { by_broker: Mutex::default(), free }
    }

    #[test]
    fn a_brokers_messages_are_laid_aside_for_its_thread() {
        let spent = spent();
        add(&spent, 1, FEWEST, 200);
        add(&spent, 2, 2 * FEWEST, 200);
        assert_eq!(freed(), 0);
        spent.free(1);
        assert_eq!(freed(), FEWEST);
        spent.free(1);
        spent.free(3);
        assert_eq!(freed(), 0);
        add(&spent, 1, FEWEST, 200);
        spent.free_all();
        assert_eq!(freed(), 3 * FEWEST);
    }

    #[test]
    fn a_few_are_freed_at_once() {
        let spent = spent();
        add(&spent, 1, FEWEST - 1, 200);
        assert_eq!(freed(), FEWEST - 1);
    }

    #[test]
    fn messages_without_a_broker_are_freed_at_once() {
        let spent = spent();
        add(&spent, -1, FEWEST, 200);
        assert_eq!(freed(), FEWEST);
    }

    #[test]
    fn what_a_broker_does_not_free_soon_is_freed_all_the_same() {
        let (spent, now) = (spent(), Instant::now());
        add(&spent, 1, FEWEST, 200);
        spent.free_stale(now);
        assert_eq!(freed(), 0);
        spent.free(1);
        add(&spent, 1, FEWEST, 200);
        add(&spent, 2, FEWEST, 200);
        freed();
        spent.free_stale(Instant::now() + LONGEST);
        assert_eq!(freed(), 2 * FEWEST);
        spent.free_stale(now + 2 * LONGEST);
        assert_eq!(freed(), 0);
    }

    #[test]
    fn what_is_laid_aside_is_bounded() {
        let spent = spent();
        add(&spent, 1, FEWEST, MOST_BYTES / FEWEST - ENTRY_BYTES);
        assert_eq!(freed(), 0, "there was room");
        add(&spent, 1, FEWEST, 0);
        assert_eq!(freed(), FEWEST);
        spent.free(1);
        add(&spent, 1, FEWEST, 0);
        assert_eq!(freed(), FEWEST, "there is room again");
        spent.free_all();
    }
}
