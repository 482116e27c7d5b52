//! What goes wrong in a group: what is told of it, and what is remembered until it is over.

use std::time::Instant;

use rdkafka::types::RDKafkaErrorCode;

use super::{Connection, GroupShared};
use crate::error::code_text;
use crate::events::{EngineEvent, ErrorSeverity};
use crate::hints::{self, is_missing_token};
use crate::severity::severity_of;
use crate::trouble::{Scope, Standing};

impl GroupShared {
    /// Notes an error and tells the host.
    pub fn report(&self, severity: ErrorSeverity, code: i32, message: String) {
        self.status.lock().last_error = Some((Instant::now(), message.clone()));
        self.hub.events.push(EngineEvent::Error { group: Some(self.index), code, message, severity });
    }

    /// Notes a librdkafka error of `operation` and tells the host.
    pub fn report_kafka_error(&self, code: RDKafkaErrorCode, operation: &str) {
        self.report_client_error(code, &format!("{operation}: {}", code_text(code)), None);
    }

    /// Notes what librdkafka says of an error and tells the host, with what to look at. `scope` is what the error is
    /// about, where the caller knows better than its text.
    pub fn report_client_error(&self, code: RDKafkaErrorCode, reason: &str, scope: Option<Scope>) {
        let (now, code) = (Instant::now(), hints::true_code(code, reason));
        let severity = severity_of(code);
        {
            let mut troubles = self.troubles.lock();
            if severity == ErrorSeverity::Critical {
                let topics = self.config.topics.iter().map(|topic| topic.name.clone());
                let scope = scope.unwrap_or_else(|| Scope::of(code, reason, topics));
                troubles.add(scope, self.hints.explain(code, reason));
                if self.hints.is_about_token(code) && !is_missing_token(reason) {
                    troubles.want_token(now);
                }
            }
            let topic = self.config.topics.iter().map(|topic| &topic.name).find(|name| reason.contains(*name)).cloned();
            if self.hints.of(code, reason).is_some_and(|hint| !troubles.is_news(code, hint, topic, now)) {
                return;
            }
        }
        self.report(severity, code as i32, self.hints.explain(code, reason));
    }

    /// No broker can be reached. librdkafka says so each time it has tried, and says no more than that.
    pub fn went_down(&self, reason: &str) {
        let mut status = self.status.lock();
        let was = std::mem::replace(&mut status.connection, Connection::Down);
        let cause = status.last_error.as_ref().map(|(_, cause)| format!("; before that: {cause}"));
        drop(status);
        if was != Connection::Down {
            let message = format!("{}: {reason}{}", self.config.id, cause.unwrap_or_default());
            let code = RDKafkaErrorCode::AllBrokersDown as i32;
            self.hub.events.push(EngineEvent::Error {
                group: Some(self.index),
                code,
                message,
                severity: ErrorSeverity::Passing,
            });
        }
    }

    /// What people read of an error of the group's client.
    pub fn explain(&self, code: RDKafkaErrorCode, reason: &str) -> String {
        self.hints.explain(code, reason)
    }

    /// The group has no client until it gets a new one.
    pub fn lost_client(&self, message: &str) {
        self.troubles.lock().add(Scope::Membership, message.to_string());
        let mut status = self.status.lock();
        status.connection = Connection::Down;
        status.restarts += 1;
        status.last_error = Some((Instant::now(), message.to_string()));
    }

    /// What is wrong with the group and does not pass by itself.
    pub fn critical_error(&self) -> Option<String> {
        self.troubles.lock().first()
    }

    /// Takes out troubles that are over; tells the host when none is left.
    pub fn heal(&self, is_over: impl Fn(&Scope) -> bool) {
        if self.troubles.lock().heal(is_over) == Standing::Healed {
            self.hub.events.push(EngineEvent::Healed { group: self.index });
        }
    }

    /// Looks for signs that a topic can be read again, once it is known whose it is: a client that takes the place of a
    /// lost one has nothing yet. A fetch that is refused brings no watermarks, and forgets those there were.
    pub fn review_reading(&self) {
        let unread = self.troubles.lock().unread();
        for topic in unread {
            let mut own = self.partitions().into_iter().filter(|p| p.place().topic.name == topic);
            let looks_well = own.all(|partition| partition.watermarks().is_some());
            if self.troubles.lock().is_read_again(&topic, looks_well, Instant::now()) {
                self.heal(|scope| *scope == Scope::Reading(topic.clone()));
            }
        }
    }

    /// Topics that could not be subscribed to.
    pub fn unsubscribed(&self) -> Vec<String> {
        self.troubles.lock().unsubscribed()
    }

    /// Whether TLS fails.
    pub fn is_unencrypted(&self) -> bool {
        self.troubles.lock().is_unencrypted()
    }

    /// Whether a token in place of a refused one is to be asked for now.
    pub fn is_token_due(&self) -> bool {
        self.troubles.lock().is_token_due(Instant::now())
    }
}
