# frozen_string_literal: true

require "json"

module WaterDrop
  # What messages are given to
  module Clients
    # The real one: the engine's producer
    class Rdkafka
      # Stands for "the partitioner decides"
      ANY_PARTITION = -1
      # Stands for "the time it is sent"
      NOW = 0
      private_constant :ANY_PARTITION, :NOW

      # @param producer [Producer] whose client it is
      def initialize(producer)
        @native = Karafka::Native::Producer.new(
          JSON.generate(name: producer.id, kafka: kafka(producer.config.kafka))
        )
      end

      # @param message [Hash] checked message
      # @return [Rdkafka::Producer::DeliveryHandle]
      # @raise [Rdkafka::RdkafkaError] when it is not even taken
      def produce(message)
        topic = message[:topic].to_s
        delivery = @native.produce(
          topic, message[:payload], message[:key], message[:partition_key], message.fetch(:partition, ANY_PARTITION),
          timestamp(message[:timestamp]), headers(message[:headers])
        )
        # Refused at once: the code says why
        raise ::Rdkafka::RdkafkaError, delivery if delivery.is_a?(Integer)

        ::Rdkafka::Producer::DeliveryHandle.new(delivery, topic, message[:label])
      end

      # @param timeout_ms [Integer]
      # @return [Boolean] is everything answered
      def flush(timeout_ms)
        @native.flush(timeout_ms)
      end

      # @return [Integer] messages on their way
      def queue_size
        @native.queue_size
      end

      # Lets go of the connection, with what is not answered by then
      # @param timeout_ms [Integer]
      def close(timeout_ms)
        @native.close(timeout_ms)
      end

      private

      def kafka(settings)
        Karafka::Setup::AttributesMap.producer(settings).compact.to_h { |name, value| [name.to_s, value.to_s] }
      end

      def timestamp(value)
        case value
        when Time then (value.to_r * 1_000).to_i
        when Integer then value
        else NOW
        end
      end

      # A repeated header is several of the same name
      def headers(given)
        return [] unless given

        given.flat_map { |name, values| Array(values).map { |value| [name, value] } }
      end
    end
  end
end
