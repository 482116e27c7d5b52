# frozen_string_literal: true

module Karafka
  module Routing
    # Topics that share one connection, because their settings for it are the same
    class SubscriptionGroup
      # Given to a client that does not say otherwise
      KAFKA_DEFAULTS = {
        "statistics.interval.ms": 5_000,
        "client.software.name": "karafka",
        "client.software.version": "v#{VERSION}",
        "max.poll.interval.ms": 300_000,
        "socket.nagle.disable": true
      }.freeze

      # A topic created a moment ago is found at once in development
      KAFKA_DEVELOPMENT_DEFAULTS = {
        "allow.auto.create.topics": "true",
        "topic.metadata.refresh.interval.ms": 5_000
      }.freeze
      private_constant :KAFKA_DEFAULTS, :KAFKA_DEVELOPMENT_DEFAULTS

      # @return [String] unique over all groups
      attr_reader :id
      # @return [String]
      attr_reader :name
      # @return [Topics]
      attr_reader :topics
      # @return [ConsumerGroup]
      attr_reader :consumer_group
      # @return [Integer] place among all subscription groups
      attr_reader :position
      # @return [Integer]
      attr_reader :max_messages
      # @return [Integer] ms
      attr_reader :max_wait_time

      alias group consumer_group

      # @param position [Integer] place among all subscription groups
      # @param topics [Array<Topic>] topics whose connection settings are the same
      def initialize(position, topics)
        topic = topics.first
        @position = position
        @topics = Topics.new(topics)
        @name = topic.subscription_name
        @consumer_group = topic.consumer_group
        @max_messages = topic.max_messages
        @max_wait_time = topic.max_wait_time
        @initial_offset = topic.initial_offset
        @id = "#{consumer_group.id}_#{name}_#{position}"
      end

      # @return [String]
      def consumer_group_id
        consumer_group.id
      end

      alias group_id consumer_group_id

      # @return [Boolean] is any of the topics
      def active?
        topics.any?(&:active?)
      end

      # @return [Array<String>] names of the topics to subscribe to
      def subscriptions
        topics.select(&:active?).map(&:name)
      end

      # @return [SubscriptionGroup] this one, without inactive topics
      # @api private
      def activated
        topics.all?(&:active?) ? self : self.class.new(position, topics.select(&:active?))
      end

      # @return [Hash{Symbol => Object}] frozen settings of the librdkafka client, secrets included
      def kafka
        settings = defaults.merge(Setup::AttributesMap.consumer(topics.first.kafka))
        settings[:"client.id"] ||= App.config.client_id
        settings[:"group.id"] ||= consumer_group_id
        settings[:"auto.offset.reset"] ||= @initial_offset
        # A mark is what stores an offset: a message that was only fetched has not been consumed
        settings[:"enable.auto.offset.store"] = false
        # Subscription groups of one group are members of it each, and two members can not have one static id
        if settings.key?(:"group.instance.id")
          settings[:"group.instance.id"] = "#{settings[:"group.instance.id"]}_#{position}"
        end
        settings.freeze
      end

      # @return [String]
      def to_s
        id
      end

      # @return [String] without settings: there are passwords among them
      def inspect
        "#<#{self.class} id=#{id} topics=#{topics.map(&:name)}>"
      end

      private

      def defaults
        Karafka.env.production? ? KAFKA_DEFAULTS.dup : KAFKA_DEFAULTS.merge(KAFKA_DEVELOPMENT_DEFAULTS)
      end
    end
  end
end
