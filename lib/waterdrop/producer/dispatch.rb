# frozen_string_literal: true

module WaterDrop
  class Producer
    # Giving messages to the client: one or many, with or without waiting for the answer
    module Dispatch
      # What a client may raise while it produces
      CLIENT_ERRORS = [Rdkafka::RdkafkaError, Rdkafka::AbstractHandle::WaitTimeoutError].freeze
      private_constant :CLIENT_ERRORS

      # Sends a message and waits for the broker's answer.
      # @param message [Hash] `topic:`, `payload:` and, as needed, `key:`, `partition:`, `partition_key:`,
      #   `partitioner:`, `timestamp:` (Time or ms), `headers:`, `label:`
      # @return [Rdkafka::Producer::DeliveryReport]
      # @raise [Errors::ProduceError] with the reason in `cause`
      # @raise [Errors::MessageInvalidError]
      # @example
      #   producer.produce_sync(topic: "orders", payload: "{}", key: "17").offset #=> 0
      def produce_sync(message)
        message = checked(message)
        instrument("message.produced_sync", message: message) { wait(produce(message, "message.produce_sync")) }
      rescue *CLIENT_ERRORS => e
        failed("message.produce_sync", e, message)
      end

      # Sends a message without waiting for the broker's answer.
      # @param message [Hash] see {#produce_sync}
      # @return [Rdkafka::Producer::DeliveryHandle]
      # @raise [Errors::ProduceError] when it can not even be handed over, with the reason in `cause`
      # @raise [Errors::MessageInvalidError]
      # @example
      #   handle = producer.produce_async(topic: "orders", payload: "{}")
      #   handle.wait(max_wait_timeout_ms: 5_000).offset #=> 0
      def produce_async(message)
        message = checked(message)
        instrument("message.produced_async", message: message) { produce(message, "message.produce_async") }
      rescue *CLIENT_ERRORS => e
        failed("message.produce_async", e, message)
      end

      # Sends messages and waits for all answers.
      # @param messages [Array<Hash>] see {#produce_sync}
      # @return [Array<Rdkafka::Producer::DeliveryHandle>]
      # @raise [Errors::ProduceManyError] with those that were handed over in `dispatched`
      # @raise [Errors::MessageInvalidError] when one of them is; nothing is sent then
      def produce_many_sync(messages)
        dispatch_many_sync(messages, [])
      end

      # Sends messages without waiting for the answers.
      # @param messages [Array<Hash>] see {#produce_sync}
      # @return [Array<Rdkafka::Producer::DeliveryHandle>]
      # @raise [Errors::ProduceManyError] with those that were handed over in `dispatched`
      # @raise [Errors::MessageInvalidError] when one of them is; nothing is sent then
      def produce_many_async(messages)
        dispatch_many_async(messages, [])
      end

      private

      # @param dispatched [Array] gets a handle for each message as it is handed over
      def dispatch_many_sync(messages, dispatched)
        messages = messages.map { |message| checked(message) }
        instrument("messages.produced_sync", messages: messages) do
          messages.each { |message| dispatched << produce(message, "messages.produce_many_sync") }
          dispatched.each { |handle| wait(handle) }
        end
      rescue *CLIENT_ERRORS => e
        failed_many("messages.produce_many_sync", e, messages, dispatched)
      end

      # @see #dispatch_many_sync
      def dispatch_many_async(messages, dispatched)
        messages = messages.map { |message| checked(message) }
        instrument("messages.produced_async", messages: messages) do
          messages.each { |message| dispatched << produce(message, "messages.produce_many_async") }
        end
        dispatched
      rescue *CLIENT_ERRORS => e
        failed_many("messages.produce_many_async", e, messages, dispatched)
      end

      def checked(message)
        ensure_active!
        message = middleware.run(message)
        @contract.validate!(message, Errors::MessageInvalidError)
        message
      end

      # A full queue empties with time, unless the brokers are gone
      def produce(message, type)
        deadline = nil
        begin
          client.produce(message)
        rescue Rdkafka::ClosedProducerError
          raise Errors::ProducerClosedError, id
        rescue Rdkafka::RdkafkaError => e
          raise unless e.code == :queue_full && config.wait_on_queue_full

          deadline ||= monotonic_now + config.wait_timeout_on_queue_full
          raise if monotonic_now >= deadline

          report_queue_full(type, e, message)
          sleep(config.wait_backoff_on_queue_full / 1_000.0)
          retry
        end
      end

      def report_queue_full(type, error, message)
        return unless config.instrument_on_wait_queue_full

        raise Errors::ProduceError, error.inspect
      rescue Errors::ProduceError => e
        instrument("error.occurred", message: message, error: e, type: type)
      end

      def wait(handle)
        handle.wait(max_wait_timeout_ms: config.max_wait_timeout)
      end

      # Raised first: who hears of it has it as the caller does, with its cause
      def failed(type, error, message)
        raise Errors::ProduceError, error.inspect
      rescue Errors::ProduceError => e
        instrument("error.occurred", message: message, error: e, type: type)
        raise
      end

      def failed_many(type, error, messages, dispatched)
        raise Errors::ProduceManyError.new(dispatched, error.inspect)
      rescue Errors::ProduceManyError => e
        instrument("error.occurred", messages: messages, dispatched: dispatched, error: e, type: type)
        raise
      end
    end
  end
end
