//! A member that is out of its group for a while: a job outlived `max.poll.interval.ms`, or its instance id is taken.

use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode as Code;

use super::{COMMIT_PATIENCE, Outage, Poller};
use crate::error::EngineError;
use crate::events::ErrorSeverity;
use crate::inquiry::Inquiry;
use crate::lease::Job;
use crate::lifecycle::State;
use crate::membership::{Loss, Membership, Revocation, Watch};
use crate::partition::LeaseNote;
use crate::severity::severity_of;

/// First and longest time between two looks whether an instance id is free.
const WATCH_PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long the coordinator may take to tell who is in the group.
const WATCH_PATIENCE: Duration = Duration::from_secs(5);

impl Poller {
    // ---- max.poll.interval.ms --------------------------------------------------------------------------------

    /// When the oldest job has taken too long. An engine that stops or is quiet waits for its jobs as long as it was
    /// told to, and stays in its groups meanwhile.
    pub(super) fn job_deadline(&self) -> Option<Instant> {
        self.oldest_job().map(|(_, note)| note.since + self.settings.max_poll_interval())
    }

    fn oldest_job(&self) -> Option<(String, LeaseNote)> {
        if self.group.hub().lifecycle.state() != State::Running {
            return None;
        }
        let jobs = self.group.partitions().into_iter().filter_map(|p| Some((p.label(), p.lease_note()?)));
        jobs.filter(|(_, note)| note.job != Job::Shutdown).min_by_key(|(_, note)| note.since)
    }

    fn overdue(&self) -> bool {
        self.job_deadline().is_some_and(|at| Instant::now() >= at)
    }

    pub(super) fn step_steady(&mut self) {
        if self.overdue() {
            self.part(None);
        }
    }

    /// When a revocation is not waited for any longer. To a member that is out of its group already the age of its jobs
    /// makes no difference.
    pub(super) fn drain_deadline(&self, revocation: &Revocation) -> Instant {
        match (revocation.loss, self.job_deadline()) {
            (Loss::Regular, Some(job)) => job.min(revocation.deadline),
            (Loss::Regular, None) | (Loss::Lost, _) => revocation.deadline,
        }
    }

    pub(super) fn step_draining(&mut self, mut revocation: Revocation) {
        if revocation.loss == Loss::Regular && self.client.assignment_lost() {
            revocation.loss = Loss::Lost;
            self.revoked(&revocation.partitions).iter().for_each(|p| p.lose());
        }
        let late = Instant::now() >= self.drain_deadline(&revocation);
        if self.revoked(&revocation.partitions).iter().all(|p| p.is_gone()) {
            self.commit_revoked(revocation);
        } else if !late {
            self.membership = Membership::Draining(revocation);
        } else if revocation.loss == Loss::Regular {
            self.part(Some(revocation));
        } else {
            // It is out of the group already, and joins again when its jobs have ended.
            self.report_overdue();
            revocation.deadline = Instant::now() + self.settings.max_poll_interval();
            self.membership = Membership::Draining(revocation);
        }
    }

    fn report_overdue(&self) {
        let interval = self.settings.max_poll_interval().as_millis();
        let job = self.oldest_job().map_or_else(
            || "a rebalance".to_string(),
            |(label, note)| {
                format!("a {} job of {label}, {} ms old,", note.job.name(), note.since.elapsed().as_millis())
            },
        );
        let reason = format!("{job} outlived max.poll.interval.ms ({interval} ms); the group is left until it ends");
        let message = self.group.explain(Code::PollExceeded, &reason);
        self.group.report(ErrorSeverity::Passing, Code::PollExceeded as i32, message);
    }

    /// Begins to leave the group, so that another process can have the partitions.
    fn part(&mut self, revocation: Option<Revocation>) {
        self.report_overdue();
        self.lose_all();
        match self.commit(Instant::now() + COMMIT_PATIENCE) {
            Some(reply) => self.membership = Membership::Parting(revocation, reply),
            None => self.go_away(revocation),
        }
    }

    pub(super) fn go_away(&mut self, revocation: Option<Revocation>) {
        if let Some(revocation) = revocation {
            self.release(&revocation.partitions);
        }
        self.membership = Membership::Away;
        if let Err(code) = self.client.unsubscribe() {
            let operation = format!("{}: leaving the group for a while", self.group.config.id);
            self.fail(Outage::refused(&EngineError::Kafka { operation, code }));
        }
    }

    pub(super) fn step_away(&mut self) {
        // The assignment goes by an event of its own.
        if !self.group.partitions().is_empty() || !self.group.is_drained() {
            self.membership = Membership::Away;
        } else if let Err(error) = self.subscribe() {
            self.fail(Outage::refused(&error));
        }
    }

    // ---- group.instance.id -----------------------------------------------------------------------------------

    pub(super) fn bar(&mut self) {
        let pause = WATCH_PAUSES.0;
        self.membership = Membership::Barred(Watch { inquiry: None, next: Instant::now() + pause, pause });
    }

    pub(super) fn step_barred(&mut self, mut watch: Watch) {
        let answer = match watch.inquiry.take() {
            None if Instant::now() < watch.next => None,
            None => {
                watch.inquiry = self.ask_for_members();
                None
            }
            Some(inquiry) => match inquiry.wait_a_while() {
                None => {
                    watch.inquiry = Some(inquiry);
                    None
                }
                answer => answer,
            },
        };
        match answer {
            Some(Ok(taken)) if !self.settings.instance_id().is_some_and(|id| taken.iter().any(|t| t == id)) => {
                self.join();
                return;
            }
            Some(answer) => {
                if let Err(error) = answer {
                    self.group.report(ErrorSeverity::Passing, error.code(), error.to_string());
                    // A broker that can't tell will not later either: the backoff between clients has to do.
                    if matches!(error, EngineError::Kafka { code, .. } if severity_of(code) == ErrorSeverity::Critical)
                    {
                        self.join();
                        return;
                    }
                }
                watch.pause = (watch.pause * 2).min(WATCH_PAUSES.1);
                watch.next = Instant::now() + watch.pause;
            }
            None => {}
        }
        self.membership = Membership::Barred(watch);
    }

    fn ask_for_members(&self) -> Option<Inquiry<Vec<String>>> {
        let (client, group) = (std::sync::Arc::clone(&self.client), self.group.config.group_id.clone());
        let operation = format!("{}: asking who has the `group.instance.id`", self.group.config.id);
        Inquiry::start(operation, WATCH_PATIENCE, move || client.instance_ids(&group, WATCH_PATIENCE)).ok()
    }
}
