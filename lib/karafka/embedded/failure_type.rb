# frozen_string_literal: true

module Karafka
  module Embedded
    # Which `type` of `error.occurred` something is
    #
    # @api private
    module FailureType
      # What librdkafka answers a consumer that asks for messages; all else it tells of its connections
      POLLING = %i[
        auto_offset_reset cluster_authorization_failed fenced_instance_id group_authorization_failed
        illegal_generation inconsistent_group_protocol max_poll_exceeded rebalance_in_progress
        topic_authorization_failed unknown_member_id unknown_partition unknown_topic unknown_topic_or_part
        unreleased_instance_id unsupported_assignor
      ].freeze
      private_constant :POLLING

      class << self
        # @param error [Exception] of a group, or of the engine itself
        # @param group [Integer, nil]
        # @return [String]
        def of_error(error, group)
          return "runner.call.error" unless group
          return "connection.listener.fetch_loop.error" unless error.is_a?(Rdkafka::RdkafkaError)

          POLLING.include?(error.code) ? "connection.client.poll.error" : "librdkafka.error"
        end

        # @param event [Hash, Array] what was told when a subscriber of it raised
        # @return [String]
        def of_subscriber(event)
          return "callbacks.statistics.error" if event.is_a?(Array)

          case event["event"]
          when "rebalance" then "callbacks.rebalance.partitions_#{event["step"]}.error"
          when "token_refresh" then "callbacks.oauthbearer_token_refresh.error"
          when "error" then "callbacks.error.error"
          when "paused", "resumed", "client_reset" then "connection.listener.fetch_loop.error"
          else "runner.call.error"
          end
        end
      end
    end
  end
end
