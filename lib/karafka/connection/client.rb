# frozen_string_literal: true

require "json"
require "securerandom"

module Karafka
  module Connection
    # The connection of a subscription group, as consumers have it in `client` and subscribers as `event[:caller]`.
    #
    # Its questions are answered by the cluster; they do not hold up other Ruby threads.
    class Client
      # How long the cluster may take to answer, in ms
      ANSWER_MS = 10_000
      # librdkafka's number for the time of the newest message (KIP-734)
      MAX_TIMESTAMP = -3
      private_constant :ANSWER_MS, :MAX_TIMESTAMP

      # @return [String] unique for each connection
      attr_reader :id
      # @return [Routing::SubscriptionGroup]
      attr_reader :subscription_group

      # @param subscription_group [Routing::SubscriptionGroup]
      # @param native [#call] gives the Native::Client when it is needed first
      # @param coordinators [#call] gives the assignments that have a consumer
      def initialize(subscription_group, native:, coordinators: -> { [] })
        @id = SecureRandom.hex(6)
        @subscription_group = subscription_group
        @make_native = native
        @coordinators = coordinators
      end

      # @return [String, nil] librdkafka's name of it, such as `karafka#consumer-1`; nil before it has connected
      def name
        native.name
      end

      # @return [Boolean] did the group give our partitions to others without asking
      def assignment_lost?
        native.assignment_lost?
      end

      # Commits what the consumers of this connection have marked
      # @param async [Boolean] does it go on without the cluster's answer
      # @return [Boolean] false when a partition is no longer ours
      def commit_offsets(async: true)
        @coordinators.call.map { |partition| async ? partition.commit : partition.commit! }.all?
      end

      # Commits what the consumers of this connection have marked, and waits until the cluster knows
      # @return [Boolean] false when a partition is no longer ours
      def commit_offsets!
        commit_offsets(async: false)
      end

      # @param topic [String]
      # @param partition [Integer]
      # @return [Array(Integer, Integer)] the first offset there is, and the one that the next message gets
      # @raise [Rdkafka::RdkafkaError]
      def query_watermark_offsets(topic, partition)
        native.query_watermarks(topic, partition, ANSWER_MS)
      end

      # @param partitions [Rdkafka::Consumer::TopicPartitionList, nil] nil for what is assigned
      # @param timeout [Integer] ms
      # @return [Rdkafka::Consumer::TopicPartitionList] committed offsets, nil where there is none
      # @raise [Rdkafka::RdkafkaError]
      def committed(partitions = nil, timeout = ANSWER_MS)
        by_topic = ask(:committed, partitions ? listed(partitions) : assigned, timeout).group_by { |one| one[:topic] }
        Rdkafka::Consumer::TopicPartitionList.new(
          by_topic.transform_values do |found|
            found.map { |one| Rdkafka::Consumer::Partition.new(one[:partition], one[:offset]) }
          end
        )
      end

      # @param requests [Hash{String => Array<Hash>}] for each topic `partition:` and `offset:`, which is `:earliest`,
      #   `:latest`, `:max_timestamp` or a time in ms
      # @return [Array<Hash>] `topic:`, `partition:`, `offset:`; no offset where there is none of that time or later
      # @raise [Rdkafka::RdkafkaError]
      # @example
      #   client.read_partition_offsets("orders" => [{ partition: 0, offset: :latest }])
      def read_partition_offsets(requests)
        requests.flat_map do |topic, wanted|
          wanted.map do |one|
            partition = one.fetch(:partition)
            { topic: topic, partition: partition, offset: read_offset(topic, partition, one.fetch(:offset)) }
          end
        end
      end

      # @return [String]
      def inspect
        "#<#{self.class} id=#{id} subscription_group=#{subscription_group.id}>"
      end

      private

      def native
        @native ||= @make_native.call
      end

      def ask(question, list, timeout)
        JSON.parse(native.public_send(question, JSON.generate(list), timeout), symbolize_names: true)
      end

      def read_offset(topic, partition, wanted)
        case wanted
        when :earliest then query_watermark_offsets(topic, partition).first
        when :latest then query_watermark_offsets(topic, partition).last
        else
          timestamp = wanted == :max_timestamp ? MAX_TIMESTAMP : Integer(wanted)
          asked = [{ topic: topic, partition: partition, timestamp: timestamp }]
          ask(:offsets_for_times, asked, ANSWER_MS).first[:offset]
        end
      end

      def listed(partitions)
        partitions.to_h.flat_map do |topic, list|
          list.map { |one| { topic: topic, partition: one.partition } }
        end
      end

      def assigned
        ours = App.assignments.select { |topic, _| topic.subscription_group.id == subscription_group.id }
        ours.flat_map { |topic, numbers| numbers.map { |number| { topic: topic.name, partition: number } } }
      end
    end
  end
end
