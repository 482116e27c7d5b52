# frozen_string_literal: true

module WaterDrop
  module Clients
    # Sends nothing and says it did
    class Dummy
      # A delivery that was made
      class Delivery
        # @return [Integer]
        attr_reader :partition
        # @return [Integer]
        attr_reader :offset

        # @param partition [Integer]
        # @param offset [Integer]
        def initialize(partition, offset)
          @partition = partition
          @offset = offset
        end

        # @return [true]
        def wait(_timeout_ms)
          true
        end

        # @return [false]
        def pending?
          false
        end

        # @return [Integer] code of no error
        def error
          0
        end
      end
      private_constant :Delivery

      # @param _producer [Producer]
      def initialize(_producer)
        @mutex = Mutex.new
        @offsets = Hash.new(-1)
      end

      # @param message [Hash]
      # @return [::Rdkafka::Producer::DeliveryHandle]
      def produce(message)
        topic = message[:topic].to_s
        partition = [message.fetch(:partition, 0), 0].max
        offset = @mutex.synchronize { @offsets[[topic, partition]] += 1 }
        ::Rdkafka::Producer::DeliveryHandle.new(Delivery.new(partition, offset), topic, message[:label])
      end

      # @return [true]
      def flush(_timeout_ms)
        true
      end

      # @return [Integer]
      def queue_size
        0
      end

      # @return [nil]
      def purge; end

      # @return [Integer] one is as good as any
      def partition_count(_topic)
        1
      end

      # @return [Integer] messages given up
      def close(_timeout_ms)
        0
      end
    end
  end
end
