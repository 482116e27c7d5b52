# frozen_string_literal: true

module Karafka
  module Routing
    # A Kafka consumer group and its topics
    class ConsumerGroup
      # @return [String] the group id on the cluster
      attr_reader :id
      # @return [Topics]
      attr_reader :topics
      # @return [Array<SubscriptionGroup>] empty until drawing ends
      attr_reader :subscription_groups

      alias name id

      # @param name [String, Symbol]
      # @param builder [Builder] the routes it belongs to
      def initialize(name, builder)
        @id = name.to_s
        @builder = builder
        @topics = Topics.new([])
        @subscription_groups = []
        @subscription_group_details = { name: builder.next_subscription_group_name }
        @default_details = @subscription_group_details
      end

      # The DSL's `topic`
      # @param name [String, Symbol]
      # @yield the topic's options
      # @return [Topic]
      def topic=(name, &block)
        topic = Topic.new(name, self)
        topic.subscription_group_details = @subscription_group_details
        @topics << topic
        Proxy.new(topic, @builder.defaults, &block).target
      end

      # The DSL's `subscription_group`
      # @param name [String, Symbol, nil] nil for a generated one
      # @yield topics
      def subscription_group=(name = nil, &block)
        @subscription_group_details = { name: (name || @builder.next_subscription_group_name).to_s }
        Proxy.new(self, &block)
      ensure
        @subscription_group_details = @default_details
      end

      # @return [Boolean] is any of the topics
      def active?
        topics.any?(&:active?)
      end

      # Splits the topics into subscription groups
      # @api private
      def build_subscription_groups
        @subscription_groups = topics.group_by { |topic| connection_key(topic) }.map do |key, topics|
          group = SubscriptionGroup.new(@builder.position_of([id, *key]), topics)
          topics.each { |topic| topic.subscription_group = group }
          group
        end
      end

      # @return [Hash{Symbol => Object}]
      def to_h
        { id: id, topics: topics.map(&:to_h) }.freeze
      end

      # @return [String]
      def inspect
        "#<#{self.class} id=#{id} topics=#{topics.map(&:name)}>"
      end

      private

      def connection_key(topic)
        [topic.subscription_name, topic.kafka.dup, topic.max_messages, topic.max_wait_time, topic.initial_offset]
      end
    end
  end
end
