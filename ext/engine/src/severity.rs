//! Which errors pass by themselves, and how a group comes back from those that its client does not survive.
//!
//! | error | severity | gone when ([`crate::trouble::Scope`]) |
//! |---|---|---|
//! | authentication, SASL mechanism, TLS | critical | a broker lets the client in |
//! | inconsistent group protocol, invalid group id or session timeout, unsupported assignor or version, group full, group or cluster authorization, fenced or unreleased instance id | critical | partitions are assigned |
//! | topic authorization | critical | the topic can be seen, or messages of it come |
//! | no offset to begin at (`auto.offset.reset` error) | critical | a new client has an offset to begin at |
//! | anything else: brokers that are away, coordinators that move, lost generations, unknown topics, a job that took too long | passing | librdkafka, or the engine, tries again |
//!
//! Of the critical ones [`crate::hints`] says what to look at. A client in librdkafka's fatal state is replaced, whatever
//! the error ([`Recovery`]), and so is one without an offset to begin at.

use rdkafka::types::RDKafkaErrorCode as Code;

use crate::events::ErrorSeverity;

/// Which errors do not pass by themselves.
pub fn severity_of(code: Code) -> ErrorSeverity {
    match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SSL
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::AutoOffsetReset
        | Code::InconsistentGroupProtocol
        | Code::InvalidGroupId
        | Code::InvalidSessionTimeout
        | Code::UnsupportedAssignor
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::GroupMaxSizeReached
        | Code::FencedInstanceId
        | Code::UnreleasedInstanceId => ErrorSeverity::Critical,
        _ => ErrorSeverity::Passing,
    }
}

/// How a group comes back when its client is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    /// A new client joins after a backoff.
    Rejoin,
    /// A new client joins when no other member has its instance id: joining earlier would fence that one in turn.
    AwaitInstance,
}

/// What a fatal error asks for.
pub fn recovery(code: Code) -> Recovery {
    match code {
        Code::FencedInstanceId => Recovery::AwaitInstance,
        _ => Recovery::Rejoin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_to_mend_is_critical() {
        for code in [
            Code::InconsistentGroupProtocol,
            Code::FencedInstanceId,
            Code::UnreleasedInstanceId,
            Code::SaslAuthenticationFailed,
            Code::SSL,
            Code::GroupAuthorizationFailed,
            Code::TopicAuthorizationFailed,
            Code::AutoOffsetReset,
        ] {
            assert_eq!(severity_of(code), ErrorSeverity::Critical, "{code:?}");
        }
    }

    #[test]
    fn what_is_tried_again_passes() {
        for code in [
            Code::BrokerTransportFailure,
            Code::AllBrokersDown,
            Code::IllegalGeneration,
            Code::UnknownMemberId,
            Code::RebalanceInProgress,
            Code::NotCoordinator,
            Code::CoordinatorLoadInProgress,
            Code::PollExceeded,
            Code::UnknownTopicOrPartition,
        ] {
            assert_eq!(severity_of(code), ErrorSeverity::Passing, "{code:?}");
        }
    }

    #[test]
    fn a_fenced_member_does_not_fence_in_turn() {
        assert_eq!(recovery(Code::FencedInstanceId), Recovery::AwaitInstance);
        assert_eq!(recovery(Code::UnreleasedInstanceId), Recovery::Rejoin);
    }
}
