# frozen_string_literal: true

module Karafka
  module Routing
    # The active routes as the engine takes them. Groups and topics are named by their indexes from there on, so the
    # plan keeps the routing objects in the same order.
    #
    # @api private
    class EnginePlan
      # @return [Array<SubscriptionGroup>] what the index of a group stands for
      attr_reader :subscription_groups

      # @param subscription_groups [Array<SubscriptionGroup>] active ones, without inactive topics
      # @param config [Core::Configurable::Node] the settings
      def initialize(subscription_groups = App.subscription_groups.values.flatten, config = App.config)
        @subscription_groups = subscription_groups.freeze
        @topics = subscription_groups.map { |group| group.topics.to_a.freeze }.freeze
        @config = config
      end

      # @param group [Integer]
      # @return [SubscriptionGroup]
      def subscription_group(group)
        @subscription_groups.fetch(group)
      end

      # @param group [Integer]
      # @param topic [Integer]
      # @return [Topic]
      def topic(group, topic)
        @topics.fetch(group).fetch(topic)
      end

      # @return [Array<Topic>] all of them
      def topics
        @topics.flatten
      end

      # @return [Boolean] is there nothing to consume
      def empty?
        @subscription_groups.empty?
      end

      # @return [Hash] configuration of the engine, secrets included
      def to_h
        {
          client_id: @config.client_id,
          prefetch_bytes: @config.embedded.prefetch_memory,
          host_share: @config.embedded.host_share,
          stall_timeout_ms: @config.embedded.stall_timeout,
          groups: @subscription_groups.map { |group| group_to_h(group) }
        }
      end

      # @return [Hash] the same with secrets masked, to be printed
      def masked
        to_h.merge(groups: to_h[:groups].map { |group| group.merge(kafka: Setup::Secrets.mask(group[:kafka])) })
      end

      # @return [String]
      def inspect
        "#<#{self.class} #{masked}>"
      end

      private

      def group_to_h(group)
        {
          id: group.id,
          group_id: group.kafka.fetch(:"group.id").to_s,
          name: group.name,
          kafka: kafka_to_h(group),
          max_messages: group.max_messages,
          topics: group.topics.map { |topic| topic_to_h(topic) }
        }
      end

      # Fetching that stops for a second when a queue is full starves a consumer that is faster than that; and a crash
      # should not repeat more than a second of work.
      def kafka_to_h(group)
        defaults = {
          "auto.commit.interval.ms": @config.embedded.auto_commit_interval,
          **Embedded::Broker.client_settings(group.kafka)
        }
        defaults.merge(group.kafka).filter_map { |name, value| [name.to_s, to_kafka(value)] unless value.nil? }.to_h
      end

      def to_kafka(value)
        value.is_a?(Array) ? value.join(",") : value.to_s
      end

      def topic_to_h(topic)
        pause = topic.pause
        {
          name: topic.name,
          max_messages: topic.max_messages,
          max_wait_time_ms: topic.max_wait_time_set? ? topic.max_wait_time : 0,
          offsets: topic.manual_offset_management? ? "manual" : "automatic",
          eofed: topic.eofed?,
          pause: {
            timeout_ms: pause.timeout, max_timeout_ms: pause.max_timeout,
            growth: pause.with_exponential_backoff ? "exponential" : "flat"
          }
        }
      end
    end
  end
end
