# frozen_string_literal: true

require "forwardable"

module WaterDrop
  # Sends messages. Nothing is connected before the first one, and each process needs its own: one that was used before
  # a fork can not be used after it.
  # @example
  #   producer = WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": "127.0.0.1:9092" } }
  #   producer.produce_sync(topic: "orders", payload: "{}")
  #   producer.close
  class Producer
    include Karafka::Core::Helpers::Time
    extend Forwardable

    # What a client may raise while it produces
    CLIENT_ERRORS = [Rdkafka::RdkafkaError, Rdkafka::AbstractHandle::WaitTimeoutError].freeze
    private_constant :CLIENT_ERRORS

    # @return [String, nil] its id, once configured
    attr_reader :id
    # @return [Status]
    attr_reader :status
    # @return [Karafka::Core::Configurable::Node, nil] its settings, once configured
    attr_reader :config

    # @!method monitor
    #   @return [Instrumentation::Monitor]
    # @!method middleware
    #   @return [Middleware]
    def_delegators :config, :monitor, :middleware

    # @yieldparam config [Karafka::Core::Configurable::Node] settings; without a block it is configured with {#setup}
    def initialize(&block)
      @mutex = Mutex.new
      @status = Status.new
      setup(&block) if block
    end

    # @yieldparam config [Karafka::Core::Configurable::Node]
    # @raise [Errors::ProducerAlreadyConfiguredError] the second time
    # @raise [Errors::ConfigurationInvalidError]
    def setup(&block)
      raise Errors::ProducerAlreadyConfiguredError, id unless @status.initial?

      @config = Config.new.setup(&block)
      @id = @config.id
      @contract = Contracts::Message.new(max_payload_size: @config.max_payload_size)
      @status.configured!
    end

    # Sends a message and waits for the broker's answer.
    # @param message [Hash] `topic:`, `payload:` and, as needed, `key:`, `partition:`, `partition_key:`, `timestamp:`
    #   (Time or ms), `headers:`, `label:`
    # @return [Rdkafka::Producer::DeliveryReport]
    # @raise [Errors::ProduceError] with the reason in `cause`
    # @raise [Errors::MessageInvalidError]
    def produce_sync(message)
      message = checked(message)
      instrument("message.produced_sync", message: message) { wait(produce(message)) }
    rescue *CLIENT_ERRORS => e
      failed("message.produce_sync", e, message: message)
    end

    # Sends a message without waiting for the broker's answer.
    # @param message [Hash] see {#produce_sync}
    # @return [Rdkafka::Producer::DeliveryHandle]
    # @raise [Errors::ProduceError] when it can not even be handed over, with the reason in `cause`
    # @raise [Errors::MessageInvalidError]
    def produce_async(message)
      message = checked(message)
      instrument("message.produced_async", message: message) { produce(message) }
    rescue *CLIENT_ERRORS => e
      failed("message.produce_async", e, message: message)
    end

    # Sends messages and waits for all answers.
    # @param messages [Array<Hash>] see {#produce_sync}
    # @return [Array<Rdkafka::Producer::DeliveryHandle>]
    # @raise [Errors::ProduceManyError]
    def produce_many_sync(messages)
      dispatched = []
      messages = messages.map { |message| checked(message) }
      instrument("messages.produced_sync", messages: messages) do
        messages.each { |message| dispatched << produce(message) }
        dispatched.each { |handle| wait(handle) }
      end
    rescue *CLIENT_ERRORS => e
      failed_many("messages.produce_many_sync", e, messages, dispatched)
    end

    # Sends messages without waiting for the answers.
    # @param messages [Array<Hash>] see {#produce_sync}
    # @return [Array<Rdkafka::Producer::DeliveryHandle>]
    # @raise [Errors::ProduceManyError]
    def produce_many_async(messages)
      dispatched = []
      messages = messages.map { |message| checked(message) }
      instrument("messages.produced_async", messages: messages) do
        messages.each { |message| dispatched << produce(message) }
      end
      dispatched
    rescue *CLIENT_ERRORS => e
      failed_many("messages.produce_many_async", e, messages, dispatched)
    end

    # @return [Object] what messages are given to; connects when called first
    # @raise [Errors::ProducerUsedInParentProcess] when it was used before a fork
    def client
      return @client if @client && @pid == ::Process.pid

      @mutex.synchronize do
        raise Errors::ProducerUsedInParentProcess, id if @client && @pid != ::Process.pid

        @client ||= build_client
      end
    end

    # @return [Integer] messages on their way
    def queue_size
      @client ? @client.queue_size : 0
    end

    alias queue_length queue_size

    # Waits for what is on its way, then lets go of the connection. A second call does nothing.
    # @param force [Boolean] give up what is not answered within `max_wait_timeout`
    def close(force: false)
      @mutex.synchronize do
        # Nothing was ever sent, or it was by the process before a fork: there is nothing of ours to close
        next @status.closed! if @client.nil? || @pid != ::Process.pid
        next if @status.closed?

        instrument("producer.closing")
        @status.closing!
        instrument("producer.closed") { close_client(force) }
        @status.closed!
      end
    end

    # Closes whatever is on its way
    # @see #close
    def close!
      close(force: true)
    end

    # @return [String] without settings: there are passwords among them
    def inspect
      "#<#{self.class} id=#{id} status=#{status}>"
    end

    private

    def checked(message)
      ensure_active!
      message = middleware.run(message)
      @contract.validate!(message, Errors::MessageInvalidError)
      message
    end

    def ensure_active!
      return if @status.active?
      raise Errors::ProducerNotConfiguredError, id if @status.initial?

      raise Errors::ProducerClosedError, id
    end

    def build_client
      @pid = ::Process.pid
      (config.deliver ? config.client_class : Clients::Dummy).new(self).tap do
        @status.connected!
        instrument("producer.connected")
      end
    end

    # A full queue empties with time, unless the brokers are gone
    def produce(message)
      deadline = monotonic_now + config.wait_timeout_on_queue_full
      begin
        client.produce(message)
      rescue Rdkafka::RdkafkaError => e
        raise unless e.code == :queue_full && config.wait_on_queue_full && monotonic_now < deadline

        report_queue_full(message, e)
        sleep(config.wait_backoff_on_queue_full / 1_000.0)
        retry
      end
    end

    def report_queue_full(message, error)
      return unless config.instrument_on_wait_queue_full

      instrument("error.occurred", message: message, error: error, type: "message.produce")
    end

    def wait(handle)
      handle.wait(max_wait_timeout_ms: config.max_wait_timeout)
    end

    def close_client(force)
      answered = @client.flush(config.max_wait_timeout)
      return @client.close(0) if force || answered

      @client.close(config.max_wait_timeout)
    end

    def failed(type, error, message:)
      instrument("error.occurred", message: message, error: error, type: type)
      raise Errors::ProduceError, error.inspect
    end

    def failed_many(type, error, messages, dispatched)
      instrument("error.occurred", messages: messages, dispatched: dispatched, error: error, type: type)
      raise Errors::ProduceManyError.new(dispatched, error.inspect)
    end

    def instrument(event_id, **payload, &block)
      monitor.instrument(event_id, { producer_id: id, **payload }, &block)
    end
  end
end
