//! Wait windows: a batch gathers until its window closes, it is full, or the partition ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Partition;
use crate::batch::{Batch, Ending};
use crate::offsets::Course;
use crate::phase::{After, Effect, Input, Phase};
use crate::ready::Taker;
use crate::timers::Alarm;

/// How often an open window is looked into.
pub(super) const WINDOW_LOOK: Duration = Duration::from_millis(20);

/// What is known after a look.
struct Gathered {
    batch: Batch,
    /// First and last offset of what came with the look.
    came: Option<(i64, i64)>,
    /// First offset of what was there before.
    former: Option<i64>,
    ending: Ending,
}

impl Partition {
    /// Gathers what has come since the last look. It is taken out of the queue, where the end of the partition could not
    /// be seen.
    pub(super) fn look_into_window(self: &Arc<Self>, now: Instant) {
        if self.apply(Input::Look, Taker::Caller) != Effect::Look {
            return;
        }
        let gathered = self.gather();
        let is_full = gathered.batch.len() >= self.place.topic.max_messages;
        let ends = gathered.ending == Ending::EndOfPartition;
        let is_due = !gathered.batch.is_empty() || (ends && self.place.topic.eofed);
        let mut state = self.state.lock();
        let mut course = Course::Forward;
        match (gathered.former, gathered.came) {
            (Some(first), _) => state.reading.kept(first),
            (None, Some((first, _))) => course = state.reading.began(first),
            (None, None) => {}
        }
        if let Some((_, last)) = gathered.came {
            state.reading.passed(last);
        }
        state.held = is_due.then_some(gathered.batch);
        let next_look = state.window_closes.filter(|closes| *closes > now && !is_full && !ends);
        let after = match next_look {
            Some(_) => After::Gather,
            None if is_due => After::Again,
            None => After::GoOn,
        };
        let effect = self.advance(&mut state, Input::Settled(after));
        let (phase, silenced) = (state.phase, if state.phase.is_leaving() { state.stay_silent() } else { None });
        drop(state);
        drop(silenced);
        if let (Course::Back, Some((first, _))) = (course, gathered.came) {
            self.offsets.lock().begin_again(first);
        }
        self.perform(effect, Taker::Waiting);
        if let (Phase::Gathering, Some(closes)) = (phase, next_look) {
            self.hub.schedule(closes.min(now + WINDOW_LOOK), Alarm::Window, Arc::clone(self));
        }
    }

    fn gather(self: &Arc<Self>) -> Gathered {
        let batch = self.arrive().unwrap_or_default();
        let former = batch.first_offset();
        let room = self.place.topic.max_messages.saturating_sub(batch.len());
        let more = if room == 0 { Batch::default() } else { self.read_queue(room) };
        let came = more.first_offset().zip(more.last_offset());
        let batch = batch.join(&more);
        Gathered { ending: batch.ending(), batch, came, former }
    }
}
