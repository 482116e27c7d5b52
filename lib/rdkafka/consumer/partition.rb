# frozen_string_literal: true

module Rdkafka
  class Consumer
    # A partition in a {TopicPartitionList}
    class Partition
      # @return [Integer]
      attr_reader :partition
      # @return [Integer, nil]
      attr_reader :offset
      # @return [Integer] error of this partition, 0 for none
      attr_reader :err

      # @param partition [Integer]
      # @param offset [Integer, nil]
      # @param err [Integer]
      def initialize(partition, offset, err = 0)
        @partition = partition
        @offset = offset
        @err = err
      end

      # @return [String]
      def to_s
        "<Partition #{partition}#{" offset=#{offset}" if offset}#{" err=#{err}" unless err.zero?}>"
      end

      alias inspect to_s

      # @param other [Object]
      # @return [Boolean]
      def ==(other)
        other.is_a?(self.class) && partition == other.partition && offset == other.offset
      end
    end
  end
end
