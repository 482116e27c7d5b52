//! One partition's log, and librdkafka's queue before it.

use std::collections::VecDeque;
use std::sync::Arc;

use rdkafka::types::RDKafkaErrorCode;

use crate::batch::{Batch, Haul, Leftover, Run};
use crate::kafka::Client;
use crate::partition::link::Link;
use crate::sync::Mutex;

/// librdkafka's names for the ends of a log.
pub(super) const EARLIEST: i64 = -2;
pub(super) const LATEST: i64 = -1;

/// Whether a client asks for notices of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notices {
    Unasked,
    Asked,
}

/// Whether somebody has to be told that the queue filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) enum Announced {
    No,
    Yes,
}

/// What a broker answers to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Accepted,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    Message(i64),
    End,
}

#[derive(Debug)]
pub(super) struct Broker {
    notices: Notices,
    /// Offsets that exist; compaction and transactions leave gaps.
    log: Vec<i64>,
    end: i64,
    leader_epoch: i32,
    /// Where the assignment began to fetch; unknown since a seek.
    began_at: Option<i64>,
    /// Behind the last message that was taken since then.
    brought: i64,
    fetch_at: i64,
    version: u32,
    queue: VecDeque<(u32, Entry)>,
    told_end: Option<(u32, i64)>,
    /// Where the last seek went, and how many there were.
    pub(super) sought: Option<i64>,
    pub(super) seeks: usize,
    pub(super) stored: Option<i64>,
    pub(super) committed: Option<i64>,
    /// Commits that were asked for and have no answer yet.
    asked: VecDeque<i64>,
    /// What was stored and committed since somebody looked.
    pub(super) stores: Vec<i64>,
    pub(super) commits: Vec<i64>,
}

impl Broker {
    pub(super) fn new(notices: Notices) -> Self {
        Self {
            notices,
            log: Vec::new(),
            end: 0,
            leader_epoch: 0,
            began_at: Some(0),
            brought: 0,
            fetch_at: 0,
            version: 0,
            queue: VecDeque::new(),
            told_end: None,
            sought: None,
            seeks: 0,
            stored: None,
            committed: None,
            asked: VecDeque::new(),
            stores: Vec::new(),
            commits: Vec::new(),
        }
    }

    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Adds messages behind a gap.
    pub(super) fn produce(&mut self, messages: u8, gap: u8) {
        let first = self.end + i64::from(gap);
        self.end = first + i64::from(messages);
        self.log.extend(first..self.end);
    }

    /// The topic is made anew: its log is empty, and a fetch beyond its end is reset to the start.
    pub(super) fn make_anew(&mut self) {
        self.log.clear();
        (self.end, self.fetch_at, self.brought) = (0, 0, 0);
        self.leader_epoch += 1;
    }

    /// librdkafka goes back to where the assignment began, of itself. What is in the queue stays there.
    pub(super) fn fetch_from_the_start(&mut self) {
        if let Some(began_at) = self.began_at {
            self.fetch_at = began_at;
        }
    }

    /// Whether the queue brings what it has brought before in the same assignment.
    pub(super) fn is_repeating(&self) -> bool {
        let message = self.queue.iter().find_map(|(of, entry)| match entry {
            Entry::Message(offset) if *of == self.version => Some(*offset),
            _ => None,
        });
        message.is_some_and(|offset| offset < self.brought)
    }

    /// The messages that exist from an offset on.
    pub(super) fn messages_from(&self, offset: i64) -> &[i64] {
        &self.log[self.log.partition_point(|o| *o < offset)..]
    }

    /// A fetch brings at most so many messages into the queue.
    pub(super) fn fetch(&mut self, most: usize) -> Announced {
        let was_empty = self.queue.is_empty();
        let messages: Vec<i64> = self.messages_from(self.fetch_at).iter().take(most).copied().collect();
        self.queue.extend(messages.iter().map(|offset| (self.version, Entry::Message(*offset))));
        if let Some(last) = messages.last() {
            self.fetch_at = last + 1;
        }
        let is_end = self.messages_from(self.fetch_at).is_empty();
        let here = (self.version, self.end);
        if self.notices == Notices::Asked && is_end && self.told_end != Some(here) {
            self.told_end = Some(here);
            self.queue.push_back((self.version, Entry::End));
        }
        if was_empty && !self.queue.is_empty() { Announced::Yes } else { Announced::No }
    }

    /// librdkafka throws outdated entries out of the queue at some time after a seek.
    pub(super) fn purge(&mut self) {
        let version = self.version;
        self.queue.retain(|(of, _)| *of == version);
    }

    /// librdkafka commits what is stored, on its own or at the end of an assignment; never backwards. Returns what.
    pub(super) fn commit_stored(&mut self) -> Option<i64> {
        if self.stored <= self.committed {
            return None;
        }
        self.committed = self.stored;
        self.stored
    }

    /// Answers the oldest commit that was asked for. Returns its offset.
    pub(super) fn answer_commit(&mut self, answer: Answer) -> Option<i64> {
        let offset = self.asked.pop_front()?;
        if answer == Answer::Accepted {
            self.committed = Some(offset);
        }
        Some(offset)
    }

    /// Where an assignment begins: an offset behind the end of the log is reset to its start.
    pub(super) fn start(&self) -> i64 {
        self.committed.filter(|offset| *offset <= self.end).unwrap_or(0)
    }

    /// The partition is assigned anew.
    pub(super) fn reassign(&mut self) {
        self.version += 1;
        self.queue.clear();
        self.asked.clear();
        self.stored = None;
        self.fetch_at = self.start();
        (self.began_at, self.brought) = (Some(self.fetch_at), self.fetch_at);
    }

    fn take(&mut self, most: usize) -> Haul {
        let (mut runs, mut last, mut taken) = (vec![Vec::new()], None, 0);
        while taken < most
            && let Some((version, entry)) = self.queue.pop_front()
        {
            if version != self.version {
                continue;
            }
            taken += 1;
            last = Some(entry);
            let Entry::Message(offset) = entry else { continue };
            self.brought = self.brought.max(offset + 1);
            match runs.last_mut() {
                Some(run) if run.last().is_none_or(|last| *last < offset) => run.push(offset),
                _ => runs.push(vec![offset]),
            }
        }
        let ends = |number| number == runs.len() - 1 && last == Some(Entry::End);
        let runs = runs.iter().enumerate().map(|(number, offsets)| {
            let batch = Batch::at_offsets(offsets.iter().copied());
            let batch = if ends(number) { batch.at_the_end() } else { batch };
            Run { batch, leader_epochs: (self.leader_epoch, self.leader_epoch) }
        });
        let mut runs = runs.collect::<Vec<_>>().into_iter();
        let leftover = if taken == most { Leftover::Possible } else { Leftover::None };
        Haul { run: runs.next().unwrap_or_default(), later: runs.collect(), error: None, leftover }
    }

    fn seek(&mut self, target: i64) {
        self.version += 1;
        self.fetch_at = match target {
            EARLIEST => 0,
            LATEST => self.end,
            offset => offset,
        };
        (self.began_at, self.brought) = (None, self.fetch_at);
        self.sought = Some(self.fetch_at);
        self.seeks += 1;
    }
}

/// The partition's way to it.
pub(super) struct SimulatedLink(pub(super) Arc<Mutex<Broker>>);

impl Link for SimulatedLink {
    fn take_batch(&self, max_messages: usize) -> Haul {
        self.0.lock().take(max_messages)
    }

    fn seek(&self, offset: i64) -> Result<(), RDKafkaErrorCode> {
        self.0.lock().seek(offset);
        Ok(())
    }

    fn store(&self, offset: i64) -> Result<(), RDKafkaErrorCode> {
        let mut broker = self.0.lock();
        broker.stored = Some(offset);
        broker.stores.push(offset);
        Ok(())
    }

    fn commit(&self, offset: i64) -> Result<(), RDKafkaErrorCode> {
        let mut broker = self.0.lock();
        broker.asked.push_back(offset);
        broker.commits.push(offset);
        Ok(())
    }

    fn client(&self) -> Option<&Arc<Client>> {
        None
    }
}
