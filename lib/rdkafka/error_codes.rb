# frozen_string_literal: true

module Rdkafka
  # Names and descriptions of librdkafka's response codes, so that an error can be told without the native library.
  #
  # @api private
  module ErrorCodes
    TABLE = <<~CODES
      -199 bad_msg Local: Bad message format
      -198 bad_compression Local: Invalid compressed data
      -197 destroy Local: Broker handle destroyed for termination
      -195 transport Local: Broker transport failure
      -194 crit_sys_resource Local: Critical system resource failure
      -193 resolve Local: Host resolution failure
      -192 msg_timed_out Local: Message timed out
      -191 partition_eof Broker: No more messages
      -190 unknown_partition Local: Unknown partition
      -189 fs Local: File or filesystem error
      -188 unknown_topic Local: Unknown topic
      -187 all_brokers_down Local: All broker connections are down
      -186 invalid_arg Local: Invalid argument or configuration
      -185 timed_out Local: Timed out
      -184 queue_full Local: Queue full
      -183 isr_insuff Local: ISR count insufficient
      -182 node_update Local: Broker node update
      -181 ssl Local: SSL error
      -180 wait_coord Local: Waiting for coordinator
      -179 unknown_group Local: Unknown group
      -178 in_progress Local: Operation in progress
      -177 prev_in_progress Local: Previous operation in progress
      -176 existing_subscription Local: Existing subscription
      -175 assign_partitions Local: Assign partitions
      -174 revoke_partitions Local: Revoke partitions
      -173 conflict Local: Conflicting use
      -172 state Local: Erroneous state
      -171 unknown_protocol Local: Unknown protocol
      -170 not_implemented Local: Not implemented
      -169 authentication Local: Authentication failure
      -168 no_offset Local: No offset stored
      -167 outdated Local: Outdated
      -166 timed_out_queue Local: Timed out in queue
      -165 unsupported_feature Local: Required feature not supported by broker
      -164 wait_cache Local: Awaiting cache update
      -163 intr Local: Operation interrupted
      -162 key_serialization Local: Key serialization error
      -161 value_serialization Local: Value serialization error
      -160 key_deserialization Local: Key deserialization error
      -159 value_deserialization Local: Value deserialization error
      -158 partial Local: Partial response
      -157 read_only Local: Read-only object
      -156 noent Local: No such entry
      -155 underflow Local: Read underflow
      -154 invalid_type Local: Invalid type
      -153 retry Local: Retry operation
      -152 purge_queue Local: Purged in queue
      -151 purge_inflight Local: Purged in flight
      -150 fatal Local: Fatal error
      -149 inconsistent Local: Inconsistent state
      -148 gapless_guarantee Local: Gap-less ordering would not be guaranteed if proceeding
      -147 max_poll_exceeded Local: Maximum application poll interval (max.poll.interval.ms) exceeded
      -146 unknown_broker Local: Unknown broker
      -145 not_configured Local: Functionality not configured
      -144 fenced Local: This instance has been fenced by a newer instance
      -143 application Local: Application generated error
      -142 assignment_lost Local: Group partition assignment lost
      -141 noop Local: No operation performed
      -140 auto_offset_reset Local: No offset to automatically reset to
      -139 log_truncation Local: Partition log truncation detected
      -138 invalid_different_record Local: an invalid record in the same batch caused the failure of this message too
      -137 destroy_broker Local: Broker handle destroyed without termination
      -1 unknown Unknown broker error
      0 no_error Success
      1 offset_out_of_range Broker: Offset out of range
      2 invalid_msg Broker: Invalid message
      3 unknown_topic_or_part Broker: Unknown topic or partition
      4 invalid_msg_size Broker: Invalid message size
      5 leader_not_available Broker: Leader not available
      6 not_leader_for_partition Broker: Not leader for partition
      7 request_timed_out Broker: Request timed out
      8 broker_not_available Broker: Broker not available
      9 replica_not_available Broker: Replica not available
      10 msg_size_too_large Broker: Message size too large
      11 stale_ctrl_epoch Broker: StaleControllerEpochCode
      12 offset_metadata_too_large Broker: Offset metadata string too large
      13 network_exception Broker: Broker disconnected before response received
      14 coordinator_load_in_progress Broker: Coordinator load in progress
      15 coordinator_not_available Broker: Coordinator not available
      16 not_coordinator Broker: Not coordinator
      17 topic_exception Broker: Invalid topic
      18 record_list_too_large Broker: Message batch larger than configured server segment size
      19 not_enough_replicas Broker: Not enough in-sync replicas
      20 not_enough_replicas_after_append Broker: Message(s) written to insufficient number of in-sync replicas
      21 invalid_required_acks Broker: Invalid required acks value
      22 illegal_generation Broker: Specified group generation id is not valid
      23 inconsistent_group_protocol Broker: Inconsistent group protocol
      24 invalid_group_id Broker: Invalid group.id
      25 unknown_member_id Broker: Unknown member
      26 invalid_session_timeout Broker: Invalid session timeout
      27 rebalance_in_progress Broker: Group rebalance in progress
      28 invalid_commit_offset_size Broker: Commit offset data size is not valid
      29 topic_authorization_failed Broker: Topic authorization failed
      30 group_authorization_failed Broker: Group authorization failed
      31 cluster_authorization_failed Broker: Cluster authorization failed
      32 invalid_timestamp Broker: Invalid timestamp
      33 unsupported_sasl_mechanism Broker: Unsupported SASL mechanism
      34 illegal_sasl_state Broker: Request not valid in current SASL state
      35 unsupported_version Broker: API version not supported
      36 topic_already_exists Broker: Topic already exists
      37 invalid_partitions Broker: Invalid number of partitions
      38 invalid_replication_factor Broker: Invalid replication factor
      39 invalid_replica_assignment Broker: Invalid replica assignment
      40 invalid_config Broker: Configuration is invalid
      41 not_controller Broker: Not controller for cluster
      42 invalid_request Broker: Invalid request
      43 unsupported_for_message_format Broker: Message format on broker does not support request
      44 policy_violation Broker: Policy violation
      45 out_of_order_sequence_number Broker: Broker received an out of order sequence number
      46 duplicate_sequence_number Broker: Broker received a duplicate sequence number
      47 invalid_producer_epoch Broker: Producer attempted an operation with an old epoch
      48 invalid_txn_state Broker: Producer attempted a transactional operation in an invalid state
      49 invalid_producer_id_mapping Broker: Producer attempted to use a producer id which is not currently assigned to its transactional id
      50 invalid_transaction_timeout Broker: Transaction timeout is larger than the maximum value allowed by the broker's max.transaction.timeout.ms
      51 concurrent_transactions Broker: Producer attempted to update a transaction while another concurrent operation on the same transaction was ongoing
      52 transaction_coordinator_fenced Broker: Indicates that the transaction coordinator sending a WriteTxnMarker is no longer the current coordinator for a given producer
      53 transactional_id_authorization_failed Broker: Transactional Id authorization failed
      54 security_disabled Broker: Security features are disabled
      55 operation_not_attempted Broker: Operation not attempted
      56 kafka_storage_error Broker: Disk error when trying to access log file on disk
      57 log_dir_not_found Broker: The user-specified log directory is not found in the broker config
      58 sasl_authentication_failed Broker: SASL Authentication failed
      59 unknown_producer_id Broker: Unknown Producer Id
      60 reassignment_in_progress Broker: Partition reassignment is in progress
      61 delegation_token_auth_disabled Broker: Delegation Token feature is not enabled
      62 delegation_token_not_found Broker: Delegation Token is not found on server
      63 delegation_token_owner_mismatch Broker: Specified Principal is not valid Owner/Renewer
      64 delegation_token_request_not_allowed Broker: Delegation Token requests are not allowed on this connection
      65 delegation_token_authorization_failed Broker: Delegation Token authorization failed
      66 delegation_token_expired Broker: Delegation Token is expired
      67 invalid_principal_type Broker: Supplied principalType is not supported
      68 non_empty_group Broker: The group is not empty
      69 group_id_not_found Broker: The group id does not exist
      70 fetch_session_id_not_found Broker: The fetch session ID was not found
      71 invalid_fetch_session_epoch Broker: The fetch session epoch is invalid
      72 listener_not_found Broker: No matching listener
      73 topic_deletion_disabled Broker: Topic deletion is disabled
      74 fenced_leader_epoch Broker: Leader epoch is older than broker epoch
      75 unknown_leader_epoch Broker: Leader epoch is newer than broker epoch
      76 unsupported_compression_type Broker: Unsupported compression type
      77 stale_broker_epoch Broker: Broker epoch has changed
      78 offset_not_available Broker: Leader high watermark is not caught up
      79 member_id_required Broker: Group member needs a valid member ID
      80 preferred_leader_not_available Broker: Preferred leader was not available
      81 group_max_size_reached Broker: Consumer group has reached maximum size
      82 fenced_instance_id Broker: Static consumer fenced by other consumer with same group.instance.id
      83 eligible_leaders_not_available Broker: Eligible partition leaders are not available
      84 election_not_needed Broker: Leader election not needed for topic partition
      85 no_reassignment_in_progress Broker: No partition reassignment is in progress
      86 group_subscribed_to_topic Broker: Deleting offsets of a topic while the consumer group is subscribed to it
      87 invalid_record Broker: Broker failed to validate record
      88 unstable_offset_commit Broker: There are unstable offsets that need to be cleared
      89 throttling_quota_exceeded Broker: Throttling quota has been exceeded
      90 producer_fenced Broker: There is a newer producer with the same transactionalId which fences the current one
      91 resource_not_found Broker: Request illegally referred to resource that does not exist
      92 duplicate_resource Broker: Request illegally referred to the same resource twice
      93 unacceptable_credential Broker: Requested credential would not meet criteria for acceptability
      94 inconsistent_voter_set Broker: Indicates that the either the sender or recipient of a voter-only request is not one of the expected voters
      95 invalid_update_version Broker: Invalid update version
      96 feature_update_failed Broker: Unable to update finalized features due to server error
      97 principal_deserialization_failure Broker: Request principal deserialization failed during forwarding
      100 unknown_topic_id Broker: Unknown topic id
      110 fenced_member_epoch Broker: The member epoch is fenced by the group coordinator
      111 unreleased_instance_id Broker: The instance ID is still used by another member in the consumer group
      112 unsupported_assignor Broker: The assignor or its version range is not supported by the consumer group
      113 stale_member_epoch Broker: The member epoch is stale
      117 unknown_subscription_id Broker: Client sent a push telemetry request with an invalid or outdated subscription ID
      118 telemetry_too_large Broker: Client sent a push telemetry request larger than the maximum size the broker will accept
      129 rebootstrap_required Broker: Client metadata is stale, client should rebootstrap to obtain new metadata
    CODES
    private_constant :TABLE

    class << self
      # @param response [Integer] response code
      # @return [Symbol] its name, without the underscore that librdkafka's own codes start with
      def name(response)
        all.fetch(response) { return :"err_#{response}?" }.first
      end

      # @param response [Integer] response code
      # @return [String] what it means
      def description(response)
        all.fetch(response) { return "Err-#{response}?" }.last
      end

      # @param name [Symbol] name of a code
      # @return [Integer, nil] the code
      def response(name)
        found, = all.find { |_, (other, _)| other == name }
        found
      end

      private

      def all
        @all ||= TABLE.each_line(chomp: true).to_h do |line|
          response, name, description = line.split(" ", 3)
          [Integer(response), [name.to_sym, description.freeze].freeze]
        end.freeze
      end
    end
  end
end
