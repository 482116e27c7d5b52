# frozen_string_literal: true

require "json"

module WaterDrop
  # What messages are given to
  module Clients
    # The real one: the engine's producer
    #
    # @api private
    class Rdkafka
      # Stands for "the partitioner decides"
      ANY_PARTITION = -1
      # Stands for "the time it is sent"
      NOW = 0
      # ms to wait for a broker to tell how many partitions a topic has
      METADATA_TIMEOUT = 5_000
      # ms that subscribers get at the end for what was reported last
      EVENTS_TIMEOUT = 5_000
      NO_HEADERS = [].freeze
      private_constant :ANY_PARTITION, :NOW, :METADATA_TIMEOUT, :EVENTS_TIMEOUT, :NO_HEADERS

      # @param producer [Producer] whose client it is
      def initialize(producer)
        @statistics = StatisticsSwitch.new(producer.config)
        @native = Karafka::Native::Producer.new(JSON.generate(name: producer.id, kafka: @statistics.kafka))
        @labels = Labels.new
        @interests = Interests.new(@native, producer.monitor)
        @events = Events.new(@native, producer, @labels).start
        LastWords.register(self, producer.config)
      end

      # @param message [Hash] checked message
      # @return [Rdkafka::Producer::DeliveryHandle]
      # @raise [Rdkafka::RdkafkaError] when it is not even taken
      # @raise [Rdkafka::ClosedProducerError]
      # @raise [ArgumentError] for a key that messages do not have
      def produce(message)
        hand_over(**message)
      rescue Karafka::Native::LifecycleError
        raise ::Rdkafka::ClosedProducerError, :produce
      end

      # @param topic [String]
      # @return [Integer] how many partitions it has
      # @raise [Rdkafka::RdkafkaError] when it does not exist or no broker tells in time
      # @raise [Rdkafka::ClosedProducerError]
      def partition_count(topic)
        count = told(@native.partition_count(topic, METADATA_TIMEOUT))
        raise ::Rdkafka::RdkafkaError, code(:unknown_topic_or_part) if count.zero?

        count
      rescue Karafka::Native::LifecycleError
        raise ::Rdkafka::ClosedProducerError, :partition_count
      end

      # @param timeout_ms [Integer]
      # @return [Boolean] is everything answered; of one that is closed, too
      def flush(timeout_ms)
        @native.flush(timeout_ms)
      rescue Karafka::Native::LifecycleError
        true
      end

      # Gives up what is not answered; each of those messages ends with an error soon after
      def purge
        @native.purge
      end

      # @return [Integer] messages on their way
      def queue_size
        @native.queue_size
      rescue Karafka::Native::LifecycleError
        0
      end

      # Waits for answers, gives up what has none by then, and lets go of the connection.
      # @param timeout_ms [Integer]
      # @return [Integer] how many messages were given up
      def close(timeout_ms)
        flush(timeout_ms)
        given_up = @native.close
        LastWords.forget(self)
        @events.join(EVENTS_TIMEOUT)
        given_up
      rescue Karafka::Native::LifecycleError
        LastWords.forget(self)
        0
      end

      private

      # The keys of a message are its keywords: any other is an ArgumentError that names it
      def hand_over( # rubocop:disable Metrics/ParameterLists
        topic:, payload:, key: nil, partition: ANY_PARTITION, partition_key: nil, timestamp: nil, headers: nil,
        label: nil, partitioner: nil
      )
        topic = topic.to_s
        partition = partition_of(topic, partition_key, partitioner) if partition_key
        @interests.refresh
        token = label.nil? || @interests.none? ? Labels::NONE : @labels.keep(label)
        delivery = @native.produce(topic, payload, key, partition, milliseconds(timestamp), list(headers), token)
        return ::Rdkafka::Producer::DeliveryHandle.new(delivery, topic, label) unless delivery.is_a?(Integer)

        # Refused at once: the code says why, and no report comes
        @labels.take(token)
        raise ::Rdkafka::RdkafkaError, delivery
      end

      # Where the topic does not exist yet, the message waits for it and librdkafka decides
      def partition_of(topic, key, partitioner)
        told(@native.partition_of_key(topic, key, partitioner&.to_s, METADATA_TIMEOUT))
      end

      def told(answer)
        answer || raise(::Rdkafka::RdkafkaError, code(:timed_out))
      end

      def code(name)
        ::Rdkafka::ErrorCodes.response(name)
      end

      def milliseconds(timestamp)
        case timestamp
        when Time then (timestamp.to_r * 1_000).to_i
        when Integer then timestamp
        else NOW
        end
      end

      # One list of names and values; a repeated header is several of the same name
      def list(headers)
        return NO_HEADERS if headers.nil? || headers.empty?

        headers.each_with_object([]) { |(name, values), all| Array(values).each { |value| all << name << value } }
      end
    end
  end
end
