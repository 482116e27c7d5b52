# frozen_string_literal: true

module Rdkafka
  class Producer
    # A message on its way
    class DeliveryHandle < AbstractHandle
      DEFAULT_TIMEOUT_MS = 60_000
      private_constant :DEFAULT_TIMEOUT_MS

      # @return [String] name of the topic
      attr_reader :topic
      # @return [Object, nil] what the message was labelled with
      attr_reader :label

      # @param delivery [#wait, #pending?, #error, #partition, #offset] the engine's side of it
      # @param topic [String]
      # @param label [Object, nil]
      def initialize(delivery, topic, label)
        super()
        @delivery = delivery
        @topic = topic
        @label = label
      end

      # @return [Boolean] is the broker's answer still out
      def pending?
        @delivery.pending?
      end

      # @param max_wait_timeout_ms [Integer]
      # @param raise_response_error [Boolean] raise when the message was not taken
      # @return [DeliveryReport]
      # @raise [WaitTimeoutError] when there is no answer in time; one may still come
      # @raise [RdkafkaError] when the message was not taken
      def wait(max_wait_timeout_ms: DEFAULT_TIMEOUT_MS, raise_response_error: true)
        unless @delivery.wait(max_wait_timeout_ms)
          raise WaitTimeoutError, "Waiting for the delivery to #{topic} took longer than #{max_wait_timeout_ms} ms"
        end

        raise error if error && raise_response_error

        create_result
      end

      # @return [DeliveryReport] as far as it is known
      def create_result
        DeliveryReport.new(@delivery.partition, @delivery.offset, topic, error: error, label: label)
      end

      private

      def error
        code = @delivery.error
        RdkafkaError.new(code) unless code.nil? || code.zero?
      end
    end
  end
end
