//! What to look at when a broker or TLS says no: librdkafka's words name a protocol step, these name a setting.

use std::collections::BTreeMap;

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::ClientRole;

/// How a client shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Whatever it is.
    Any,
    /// A token.
    Token,
    /// A name and a password.
    Password,
}

/// Which errors a row is about.
enum About {
    /// Those with the code.
    Codes(&'static [Code]),
    /// Those of connections: a refusal during a handshake comes with one of several codes.
    Connections,
}

struct Row {
    about: About,
    /// What librdkafka says then, one of these, in lower case; none: whatever it says.
    says: &'static [&'static str],
    proof: Proof,
    role: Option<ClientRole>,
    look_at: &'static str,
}

const fn row(about: About, says: &'static [&'static str], look_at: &'static str) -> Row {
    Row { about, says, proof: Proof::Any, role: None, look_at }
}

const AUTHENTICATION: About = About::Codes(&[Code::Authentication, Code::SaslAuthenticationFailed]);
const TOPIC: About = About::Codes(&[Code::TopicAuthorizationFailed]);

/// TLS alerts with which a broker refuses a client's certificate. With TLS 1.3 they come after the client's handshake,
/// so librdkafka reports them as a failed transport.
const CERTIFICATE_REFUSED: &[&str] = &[
    "alert bad certificate",
    "alert certificate unknown",
    "alert certificate expired",
    "alert certificate revoked",
    "alert unsupported certificate",
    "alert unknown ca",
    "certificate required",
];

/// The first row that fits counts.
const TABLE: &[Row] = &[
    row(
        AUTHENTICATION,
        &["failed to acquire sasl oauthbearer token"],
        "`oauth.token_provider_listener`: it brought no token",
    ),
    row(
        AUTHENTICATION,
        &["unsupported sasl mechanism", "mechanism not supported", "sasl mechanism '"],
        "`sasl.mechanism`: the broker has others at this address",
    ),
    Row {
        about: AUTHENTICATION,
        says: &[],
        proof: Proof::Token,
        role: None,
        look_at: "the token of `oauth.token_provider_listener`: the broker refuses it",
    },
    Row {
        about: AUTHENTICATION,
        says: &[],
        proof: Proof::Password,
        role: None,
        look_at: "`sasl.username` and `sasl.password`: the broker refuses them",
    },
    row(AUTHENTICATION, &[], "`sasl.mechanism` and its settings: the broker refuses who the client says it is"),
    row(
        About::Codes(&[Code::UnsupportedSASLMechanism]),
        &[],
        "`sasl.mechanism`: the broker has others at this address",
    ),
    row(
        About::Codes(&[Code::IllegalSASLState]),
        &[],
        "`security.protocol`: the broker expects none of SASL here, or more",
    ),
    row(
        About::Connections,
        CERTIFICATE_REFUSED,
        "`ssl.certificate.location` (or `ssl.certificate.pem`, `ssl.keystore.location`): the broker refuses the client's \
         certificate, for it is expired, of an authority that the broker doesn't trust, or missing",
    ),
    row(
        About::Connections,
        &["certificate verify failed", "could not be verified"],
        "`ssl.ca.location` (or `ssl.ca.pem`): its authority hasn't signed the broker's certificate, or that is expired",
    ),
    row(
        About::Connections,
        &["hostname mismatch", "ip address mismatch", "host name"],
        "`bootstrap.servers`: the broker's certificate is for another name (`ssl.endpoint.identification.algorithm`)",
    ),
    row(
        About::Connections,
        &[
            "plaintext broker listener",
            "ssl connection closed by peer",
            "wrong version number",
            "incorrect security.protocol",
            "connecting to a ssl listener",
            "connecting to a sasl listener",
        ],
        "`security.protocol` and the port in `bootstrap.servers`: the broker speaks another protocol there, or none",
    ),
    row(About::Codes(&[Code::SSL]), &[], "the `ssl.` settings: the connection could not be made secret"),
    Row {
        about: TOPIC,
        says: &[],
        proof: Proof::Any,
        role: Some(ClientRole::Consumer),
        look_at: "the broker's ACLs: the client's user lacks READ on the topic",
    },
    row(TOPIC, &[], "the broker's ACLs: the client's user lacks WRITE on the topic"),
    row(
        About::Codes(&[Code::GroupAuthorizationFailed]),
        &[],
        "the broker's ACLs: the client's user lacks READ on the group of `group.id`",
    ),
    row(
        About::Codes(&[Code::TransactionalIdAuthorizationFailed]),
        &[],
        "the broker's ACLs: the client's user lacks WRITE on the `transactional.id`",
    ),
    row(
        About::Codes(&[Code::ClusterAuthorizationFailed]),
        &[],
        "the broker's ACLs: the client's user lacks a right on the cluster",
    ),
    row(
        About::Codes(&[Code::InconsistentGroupProtocol]),
        &[],
        "`partition.assignment.strategy` and `group.protocol`: the other members of the group have no strategy in common \
         with this one",
    ),
    row(About::Codes(&[Code::InvalidGroupId]), &[], "`group.id`: the broker has no group by such a name"),
    row(
        About::Codes(&[Code::InvalidSessionTimeout]),
        &[],
        "`session.timeout.ms`: the broker allows what lies between its group.min.session.timeout.ms and \
         group.max.session.timeout.ms",
    ),
    row(About::Codes(&[Code::UnsupportedAssignor]), &[], "`group.remote.assignor`: the broker has no such assignor"),
    row(
        About::Codes(&[Code::UnsupportedVersion, Code::UnsupportedFeature]),
        &[],
        "`group.protocol`: the broker is too old for it (consumer needs Kafka 4.0), or has it turned off",
    ),
    row(
        About::Codes(&[Code::GroupMaxSizeReached]),
        &[],
        "the broker's group.max.size: the group has that many members",
    ),
    row(
        About::Codes(&[Code::FencedInstanceId]),
        &[],
        "`group.instance.id`: another process joined with the same one. This one joins again when it is free",
    ),
    row(
        About::Codes(&[Code::UnreleasedInstanceId]),
        &[],
        "`group.instance.id`: another member has the same one, or had it and its session has not ended",
    ),
    row(
        About::Codes(&[Code::AutoOffsetReset]),
        &[],
        "`auto.offset.reset`: it is error, and there is no committed offset to go on from",
    ),
    row(
        About::Codes(&[Code::UnknownTopicOrPartition, Code::UnknownTopic]),
        &[],
        "`allow.auto.create.topics`, or create the topic: it is subscribed to as soon as it exists",
    ),
    row(
        About::Codes(&[Code::PollExceeded]),
        &[],
        "`max.poll.interval.ms`, or have less to do in a job (`max_messages`): what was not marked is delivered again",
    ),
];

const CONNECTIONS: &[Code] = &[Code::SSL, Code::BrokerTransportFailure, Code::AllBrokersDown];

/// Hints for one client.
pub struct Hints {
    owner: String,
    role: ClientRole,
    proof: Proof,
}

impl Hints {
    /// For a client of `owner` with these settings.
    pub fn new(owner: &str, role: ClientRole, settings: &BTreeMap<String, String>) -> Self {
        let mechanism = settings.get("sasl.mechanism").or_else(|| settings.get("sasl.mechanisms"));
        let proof = match mechanism.map(|mechanism| mechanism.to_uppercase()) {
            Some(mechanism) if mechanism == "OAUTHBEARER" => Proof::Token,
            Some(mechanism) if mechanism == "PLAIN" || mechanism.starts_with("SCRAM-") => Proof::Password,
            _ => Proof::Any,
        };
        Self { owner: owner.into(), role, proof }
    }

    /// Says what to look at, or nothing where nobody's setting is the cause.
    pub fn of(&self, code: Code, reason: &str) -> Option<&'static str> {
        let reason = reason.to_lowercase();
        let fits = |row: &&Row| {
            let codes = match row.about {
                About::Codes(codes) => codes,
                About::Connections => CONNECTIONS,
            };
            codes.contains(&code)
                && (row.says.is_empty() || row.says.iter().any(|words| reason.contains(words)))
                && (row.proof == Proof::Any || row.proof == self.proof)
                && row.role.is_none_or(|role| role == self.role)
        };
        TABLE.iter().find(fits).map(|row| row.look_at)
    }

    /// The error's text for people: who, what, and what to look at.
    pub fn explain(&self, code: Code, reason: &str) -> String {
        match self.of(code, reason) {
            Some(hint) => format!("{}: {reason}. Look at {hint}", self.owner),
            None => format!("{}: {reason}", self.owner),
        }
    }

    /// Whether the client's token is what was refused.
    pub fn is_about_token(&self, code: Code) -> bool {
        matches!(code, Code::Authentication | Code::SaslAuthenticationFailed) && self.proof == Proof::Token
    }
}

/// Whether librdkafka was told that there is no token; it asks again by itself.
pub fn is_missing_token(reason: &str) -> bool {
    reason.contains("Failed to acquire SASL OAUTHBEARER token")
}

/// A refused certificate is an error of TLS, whatever librdkafka counts it as.
pub fn true_code(code: Code, reason: &str) -> Code {
    let reason = reason.to_lowercase();
    match code {
        Code::BrokerTransportFailure if CERTIFICATE_REFUSED.iter().any(|words| reason.contains(words)) => Code::SSL,
        code => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code, librdkafka's words with a real broker, the mechanism, and what the hint has to name.
    const SAID: &[(Code, &str, &str, &str)] = &[
        (
            Code::Authentication,
            "SASL authentication error: Authentication failed: Invalid username or password",
            "PLAIN",
            "sasl.password",
        ),
        (
            Code::Authentication,
            "SASL authentication error: Authentication failed during authentication due to invalid \
          credentials with SASL mechanism SCRAM-SHA-512",
            "SCRAM-SHA-512",
            "sasl.password",
        ),
        (Code::Authentication, "Failed to acquire SASL OAUTHBEARER token: none", "OAUTHBEARER", "it brought no token"),
        (
            Code::Authentication,
            "SASL authentication error: {\"status\":\"invalid_token\"}",
            "OAUTHBEARER",
            "the token of `oauth.token_provider_listener`",
        ),
        (
            Code::SSL,
            "SSL handshake failed: error:0A000086:SSL routines::certificate verify failed: broker certificate \
          could not be verified",
            "",
            "ssl.ca.location",
        ),
        (
            Code::SSL,
            "Receive failed: error:0A000416:SSL routines::sslv3 alert certificate unknown: SSL alert number 46",
            "",
            "ssl.certificate.location",
        ),
        (
            Code::BrokerTransportFailure,
            "SSL handshake failed: Disconnected: SSL connection closed by peer: connecting to \
          a PLAINTEXT broker listener?",
            "",
            "security.protocol",
        ),
        (
            Code::TopicAuthorizationFailed,
            "Subscribed topic not available: t1: Broker: Topic authorization failed",
            "",
            "READ on the topic",
        ),
        (Code::GroupAuthorizationFailed, "FindCoordinator response error: Group authorization failed.", "", "group.id"),
    ];

    #[test]
    fn each_refusal_names_its_setting() {
        for (code, reason, mechanism, expected) in SAID {
            let settings = BTreeMap::from([("sasl.mechanism".to_string(), mechanism.to_string())]);
            let text = Hints::new("g", ClientRole::Consumer, &settings).explain(*code, reason);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_producer_needs_another_right() {
        let hints = Hints::new("p", ClientRole::Producer, &BTreeMap::new());
        assert!(hints.of(Code::TopicAuthorizationFailed, "").unwrap().contains("WRITE"));
    }

    #[test]
    fn what_passes_by_itself_has_no_hint() {
        let hints = Hints::new("g", ClientRole::Consumer, &BTreeMap::new());
        assert_eq!(hints.of(Code::BrokerTransportFailure, "Connect failed: refused"), None);
        assert_eq!(
            hints.explain(Code::BrokerTransportFailure, "Connect failed: refused"),
            "g: Connect failed: refused"
        );
    }

    #[test]
    fn a_certificate_refused_after_the_handshake_is_an_error_of_tls() {
        let alert = "Receive failed: SSL routines::sslv3 alert bad certificate: SSL alert number 42";
        assert_eq!(true_code(Code::BrokerTransportFailure, alert), Code::SSL);
        assert_eq!(true_code(Code::BrokerTransportFailure, "timed out"), Code::BrokerTransportFailure);
    }
}
