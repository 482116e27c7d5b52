# frozen_string_literal: true

module Rdkafka
  class Consumer
    # Partitions by their topics
    class TopicPartitionList
      # @param data [Hash{String => Array<Partition>}]
      def initialize(data = {})
        @data = data
      end

      # @return [Integer] number of partitions
      def count
        @data.sum { |_, partitions| partitions ? partitions.size : 1 }
      end

      alias size count
      alias length count

      # @return [Boolean]
      def empty?
        @data.empty?
      end

      # @param topic [String]
      # @param partitions [Array<Integer>, Range, Integer, nil]
      def add_topic(topic, partitions = nil)
        numbers = partitions.is_a?(Integer) ? (0...partitions) : partitions
        @data[topic.to_s] = numbers&.map { |number| Partition.new(number, nil) }
      end

      # @param topic [String]
      # @param partitions_with_offsets [Hash{Integer => Integer}]
      def add_topic_and_partitions_with_offsets(topic, partitions_with_offsets)
        @data[topic.to_s] = partitions_with_offsets.map { |number, offset| Partition.new(number, offset) }
      end

      # @return [Hash{String => Array<Partition>}]
      def to_h
        @data
      end

      # @return [String]
      def to_s
        "<TopicPartitionList: #{@data}>"
      end

      # @param other [Object]
      # @return [Boolean]
      def ==(other)
        other.is_a?(self.class) && to_h == other.to_h
      end
    end
  end
end
