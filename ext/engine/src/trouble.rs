//! What is wrong with a group and stays so until somebody mends it: kept until there is a sign that it was.

use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::hints::is_missing_token;

/// librdkafka's interval for repeating an error word by word. It doesn't notice when it says the same in two ways.
const REPEATED_AFTER: Duration = Duration::from_secs(30);
/// How long a topic has to look well: what a fetch brought is seen before the error that came with it.
const CONVALESCENCE: Duration = Duration::from_secs(1);
/// A refused token is asked for again after this time, then after twice as long each time, up to [`SLOWEST_TOKEN`].
const FIRST_TOKEN: Duration = Duration::from_secs(1);
const SLOWEST_TOKEN: Duration = Duration::from_secs(60);

/// What an error is about, and so what shows that it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// No broker lets the client in: until one does.
    Connection,
    /// TLS fails: until a broker lets the client in.
    Encryption,
    /// There is no token: until there is.
    Token,
    /// The group doesn't let it in: until partitions are assigned.
    Membership,
    /// What is marked can't be committed: until it is.
    Committing,
    /// A topic can't be subscribed to: until it can be seen.
    Subscription(String),
    /// A topic can't be read: until a fetch of it succeeds, or it is not this member's any more.
    Reading(String),
}

impl Scope {
    /// What an error of the client is about.
    pub fn of(code: Code, reason: &str, topics: impl Iterator<Item = String>) -> Self {
        match code {
            Code::Authentication if is_missing_token(reason) => Self::Token,
            Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState => Self::Connection,
            Code::SSL => Self::Encryption,
            Code::TopicAuthorizationFailed => {
                let mut topics = topics;
                topics.find(|name| reason.contains(&format!(": {name}: "))).map_or(Self::Membership, Self::Subscription)
            }
            _ => Self::Membership,
        }
    }
}

#[derive(Debug)]
struct Trouble {
    scope: Scope,
    message: String,
    /// Since when nothing speaks for it any more.
    over_since: Option<Instant>,
}

/// Asking for a new token, in place of one that the broker refuses.
#[derive(Debug, Clone, Copy)]
struct Asking {
    next: Instant,
    interval: Duration,
}

/// Whether something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Something is still wrong, or nothing was.
    Same,
    /// Nothing is wrong any more.
    Healed,
}

/// What an error said, of which topic, and when.
#[derive(Debug)]
struct Said {
    code: Code,
    hint: &'static str,
    topic: Option<String>,
    at: Instant,
}

/// The troubles of one group.
#[derive(Debug, Default)]
pub struct Troubles {
    standing: Vec<Trouble>,
    said: Vec<Said>,
    asking: Option<Asking>,
}

impl Troubles {
    /// Notes one.
    pub fn add(&mut self, scope: Scope, message: String) {
        self.standing.retain(|trouble| trouble.scope != scope);
        self.standing.push(Trouble { scope, message, over_since: None });
    }

    /// What was said of the one that stands longest.
    pub fn first(&self) -> Option<String> {
        self.standing.first().map(|trouble| trouble.message.clone())
    }

    /// Takes out those that are over. What was said of the rest may be said again.
    pub fn heal(&mut self, is_over: impl Fn(&Scope) -> bool) -> Standing {
        let before = self.standing.len();
        self.standing.retain(|trouble| !is_over(&trouble.scope));
        if !self.standing.iter().any(|trouble| trouble.scope == Scope::Connection) {
            self.asking = None;
        }
        if before > self.standing.len() {
            self.said.clear();
        }
        if before > 0 && self.standing.is_empty() { Standing::Healed } else { Standing::Same }
    }

    /// Whether TLS fails.
    pub fn is_unencrypted(&self) -> bool {
        self.standing.iter().any(|trouble| trouble.scope == Scope::Encryption)
    }

    /// Topics that could not be read, where the group has let the client in.
    pub fn unread(&self) -> Vec<String> {
        if self.standing.iter().any(|trouble| trouble.scope == Scope::Membership) {
            return Vec::new();
        }
        let names = self.standing.iter().filter_map(|trouble| match &trouble.scope {
            Scope::Reading(topic) => Some(topic.clone()),
            _ => None,
        });
        names.collect()
    }

    /// Whether a topic that could not be read has looked well for a while.
    pub fn is_read_again(&mut self, topic: &str, looks_well: bool, now: Instant) -> bool {
        let found = self.standing.iter_mut().find(|trouble| trouble.scope == Scope::Reading(topic.to_string()));
        let Some(trouble) = found else { return false };
        trouble.over_since = looks_well.then(|| trouble.over_since.unwrap_or(now));
        trouble.over_since.is_some_and(|since| now.duration_since(since) >= CONVALESCENCE)
    }

    /// Topics that could not be subscribed to.
    pub fn unsubscribed(&self) -> Vec<String> {
        let names = self.standing.iter().filter_map(|trouble| match &trouble.scope {
            Scope::Subscription(topic) => Some(topic.clone()),
            _ => None,
        });
        names.collect()
    }

    /// Whether an error with that hint is news, which it is once in a while.
    pub fn is_news(&mut self, code: Code, hint: &'static str, topic: Option<String>, now: Instant) -> bool {
        self.said.retain(|said| now.duration_since(said.at) < REPEATED_AFTER);
        if self.said.iter().any(|said| (said.code, said.hint, &said.topic) == (code, hint, &topic)) {
            return false;
        }
        self.said.push(Said { code, hint, topic, at: now });
        true
    }

    /// The broker refuses the token: another one is to be asked for.
    pub fn want_token(&mut self, now: Instant) {
        self.asking.get_or_insert(Asking { next: now + FIRST_TOKEN, interval: FIRST_TOKEN });
    }

    /// Whether a token is to be asked for now.
    pub fn is_token_due(&mut self, now: Instant) -> bool {
        match &mut self.asking {
            Some(asking) if asking.next <= now => {
                asking.interval = (asking.interval * 2).min(SLOWEST_TOKEN);
                asking.next = now + asking.interval;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics() -> impl Iterator<Item = String> {
        ["orders", "orders-2"].into_iter().map(String::from)
    }

    #[test]
    fn an_error_is_about_a_topic_that_it_names() {
        let reason = "Subscribed topic not available: orders-2: Broker: Topic authorization failed";
        let scope = Scope::of(Code::TopicAuthorizationFailed, reason, topics());
        assert_eq!(scope, Scope::Subscription("orders-2".into()));
        assert_eq!(Scope::of(Code::SSL, "handshake", topics()), Scope::Encryption);
        assert_eq!(Scope::of(Code::GroupAuthorizationFailed, "", topics()), Scope::Membership);
        let reason = "Failed to acquire SASL OAUTHBEARER token: none";
        assert_eq!(Scope::of(Code::Authentication, reason, topics()), Scope::Token);
    }

    #[test]
    fn all_is_well_when_the_last_trouble_is_over() {
        let mut troubles = Troubles::default();
        assert_eq!(troubles.heal(|_| true), Standing::Same);
        troubles.add(Scope::Connection, "what".into());
        troubles.add(Scope::Connection, "what".into());
        troubles.add(Scope::Membership, "what".into());
        assert_eq!(troubles.heal(|scope| *scope == Scope::Connection), Standing::Same);
        assert_eq!(troubles.heal(|scope| *scope == Scope::Membership), Standing::Healed);
    }

    #[test]
    fn a_topic_is_read_again_when_it_has_looked_well_for_a_while() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        troubles.add(Scope::Reading("orders".into()), "what".into());
        assert!(!troubles.is_read_again("orders", true, now));
        assert!(!troubles.is_read_again("orders", true, now + CONVALESCENCE / 2));
        assert!(!troubles.is_read_again("orders", false, now + CONVALESCENCE));
        assert!(!troubles.is_read_again("orders", true, now + CONVALESCENCE));
        troubles.add(Scope::Reading("orders".into()), "once more".into());
        assert!(!troubles.is_read_again("orders", true, now + 2 * CONVALESCENCE));
        assert!(troubles.is_read_again("orders", true, now + 3 * CONVALESCENCE));
        assert_eq!(troubles.unread(), ["orders"]);
        troubles.add(Scope::Membership, "a client is lost".into());
        assert!(troubles.unread().is_empty());
    }

    #[test]
    fn the_same_hint_is_news_once_in_a_while() {
        let (mut troubles, now) = (Troubles::default(), Instant::now());
        assert!(troubles.is_news(Code::SSL, "look", None, now));
        assert!(!troubles.is_news(Code::SSL, "look", None, now + Duration::from_secs(29)));
        assert!(troubles.is_news(Code::SSL, "elsewhere", None, now));
        assert!(troubles.is_news(Code::SSL, "look", Some("orders".into()), now), "another topic");
        assert!(troubles.is_news(Code::SSL, "look", None, now + Duration::from_secs(30)));
    }

    #[test]
    fn a_refused_token_is_asked_for_again_ever_more_seldom_until_the_connection_is_there() {
        let (mut troubles, start) = (Troubles::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        troubles.add(Scope::Connection, "what".into());
        assert!(!troubles.is_token_due(at(5)));
        troubles.want_token(start);
        let asked: Vec<u64> = (0..40).filter(|second| troubles.is_token_due(at(*second))).collect();
        assert_eq!(asked, [1, 3, 7, 15, 31]);
        troubles.heal(|_| true);
        assert!(!troubles.is_token_due(at(1_000)));
    }
}
