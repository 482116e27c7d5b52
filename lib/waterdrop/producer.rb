# frozen_string_literal: true

require "forwardable"
require_relative "producer/dispatch"
require_relative "producer/buffer"
require_relative "producer/tombstones"

module WaterDrop
  # Sends messages. Nothing is connected before the first one, and each process needs its own: one that was used before
  # a fork can not be used after it.
  #
  # What was given to it and not answered is waited for by {#close}. A producer that nobody closes gets up to five
  # seconds for that when the process exits.
  # @example
  #   producer = WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": "127.0.0.1:9092" } }
  #   producer.produce_sync(topic: "orders", payload: "{}")
  #   producer.close
  class Producer
    include Karafka::Core::Helpers::Time
    include Karafka::Core::Taggable
    include Dispatch
    include Buffer
    include Tombstones
    extend Forwardable

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
      initialize_buffer
      setup(&block) if block
    end

    # @yieldparam config [Karafka::Core::Configurable::Node]
    # @raise [Errors::ProducerAlreadyConfiguredError] the second time
    # @raise [Errors::ConfigurationInvalidError]
    def setup(&block)
      raise Errors::ProducerAlreadyConfiguredError, id unless @status.initial?

      take_over(Config.new.setup(&block))
    end

    # @return [Object] what messages are given to; connects when called first
    # @raise [Errors::ProducerNotConfiguredError]
    # @raise [Errors::ProducerClosedError]
    # @raise [Errors::ProducerUsedInParentProcess] when it was used before a fork
    def client
      # Read once: another thread may connect meanwhile
      if (client = @client)
        return client if @pid == ::Process.pid

        raise Errors::ProducerUsedInParentProcess, id
      end
      raise Errors::ProducerNotConfiguredError, id if @status.initial?

      built = nil
      @mutex.synchronize do
        ensure_active!
        @client ||= built = build_client
      end
      # Without the lock: subscribers may use the producer
      instrument("producer.connected") if built
      @client
    end

    # @return [Boolean] was it used by the process that this one is a fork of, so that it can not be used here
    def inherited?
      !@client.nil? && @pid != ::Process.pid
    end

    # @return [Producer] one with the same settings that was not used yet: a fork needs one of its own
    # @raise [Errors::ProducerNotConfiguredError]
    def renewed
      raise Errors::ProducerNotConfiguredError, id if @status.initial?

      self.class.new.tap { |other| other.take_over(config) }
    end

    # @param topic [String, Symbol]
    # @return [Integer] how many partitions it has
    # @raise [Rdkafka::RdkafkaError] when there is no such topic, or no broker tells within 5 s
    # @raise [Errors::ProducerClosedError]
    def partition_count(topic)
      ensure_active!
      client.partition_count(topic.to_s)
    rescue Rdkafka::ClosedProducerError
      raise Errors::ProducerClosedError, id
    end

    # @return [Boolean] does a retry never make a message come twice
    def idempotent?
      transactional? || %w[true t 1].include?(config.kafka[:"enable.idempotence"].to_s)
    end

    # @return [Boolean] can it have transactions
    def transactional?
      config.kafka.key?(:"transactional.id")
    end

    # @return [Integer] messages on their way
    def queue_size
      used_here? ? @client.queue_size : 0
    end

    alias queue_length queue_size

    # Forgets what is buffered and gives up what is on its way
    def purge
      purge_buffer
      @client.purge if used_here? && !@status.closed?
    end

    # Sends what is buffered, waits until everything is answered, and lets go of the connection. A second call does
    # nothing, or goes on where the first one was interrupted. Works in a signal handler; in one that interrupted this
    # producer it does not wait.
    # @param force [Boolean] wait for `max_wait_timeout` at most, then give up what is left; else it takes as long as
    #   librdkafka tries (`message.timeout.ms`)
    # @raise [Errors::ProduceManyError] when what was buffered could not be sent; it is closed nevertheless
    def close(force: false)
      return close_beside_trap(force) if in_trap?

      @mutex.synchronize do
        next if @status.closed?

        # Nothing was ever sent, or it was by the process before a fork: there is no connection of ours to close
        used_here? || (@client.nil? && buffered?) ? finish(force) : @status.closed!
      end
    end

    # Closes after `max_wait_timeout` at most, and gives up what is left then
    # @see #close
    def close!
      close(force: true)
    end

    # Waits until what was sent is answered. Unlike {#close} it leaves the producer usable.
    # @param timeout_ms [Integer]
    # @return [Boolean] is everything answered; true when nothing was sent by this process
    # @api private
    def settle(timeout_ms)
      return true unless used_here? && @status.connected?

      @client.flush(timeout_ms)
    end

    # @return [String] without settings: there are passwords among them
    def inspect
      "#<#{self.class} id=#{id} status=#{status} buffer=#{messages.size} queue=#{queue_size}>"
    end

    protected

    # @param config [Karafka::Core::Configurable::Node] settings, complete and checked
    def take_over(config)
      @config = config
      @id = config.id
      @contract = Contracts::Message.new(max_payload_size: config.max_payload_size)
      @status.configured!
    end

    private

    def ensure_active!
      return if @status.active?
      raise Errors::ProducerNotConfiguredError, id if @status.initial?

      raise Errors::ProducerClosedError, id
    end

    def used_here?
      !@client.nil? && @pid == ::Process.pid
    end

    def in_trap?
      Mutex.new.synchronize { false }
    rescue ThreadError
      true
    end

    # A signal handler may not take a lock, and who waits for it must not have been interrupted with one
    def close_beside_trap(force)
      closing = Thread.new { close(force: force) }
      closing.join unless @mutex.owned? || @buffer_mutex.owned?
    end

    def build_client
      @pid = ::Process.pid
      (config.deliver ? config.client_class : Clients::Dummy).new(self).tap { @status.connected! }
    end

    def finish(force)
      instrument("producer.closing")
      instrument("producer.closed") do
        flush_at_the_end
      ensure
        @status.closing!
        close_client(force)
        @status.closed!
      end
    end

    # The lock is ours already, which connecting would ask for again
    def flush_at_the_end
      return if @status.closing? || !buffered?

      unless @client
        @client = build_client
        instrument("producer.connected")
      end
      flush_sync
    end

    def close_client(force)
      return unless used_here?

      answered = @client.flush(config.max_wait_timeout)
      answered = @client.flush(config.max_wait_timeout) until answered || force
      left = @client.close(0)
      config.logger.warn("[#{id}] gave up #{left} messages that were not answered") if left.positive?
    end

    def instrument(event_id, **payload, &block)
      monitor.instrument(event_id, { producer_id: id, **payload }, &block)
    end
  end
end
