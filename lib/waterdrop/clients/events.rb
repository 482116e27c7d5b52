# frozen_string_literal: true

require "json"
require "karafka/embedded/bearer"

module WaterDrop
  module Clients
    # Hands what the native producer tells to subscribers, on a thread of its own. A subscriber that raises is reported
    # and disturbs nothing else.
    #
    # @api private
    class Events
      # Events taken at once, and ms to wait for them
      BATCH = 1_000
      WAIT = 5_000
      # Syslog's levels as Ruby's logger has them
      LEVELS = %i[fatal fatal fatal error warn info info debug].freeze
      # Type of the error when a subscriber of an event raises
      FAILURES = {
        delivery: "callbacks.delivery.error", error: "callbacks.error.error",
        statistics: "callbacks.statistics.error", token_refresh: "callbacks.oauthbearer_token_refresh.error"
      }.freeze
      private_constant :BATCH, :WAIT, :LEVELS, :FAILURES

      # @param native [Karafka::Native::Producer]
      # @param producer [Producer]
      # @param labels [Labels]
      def initialize(native, producer, labels)
        @native = native
        @producer = producer
        @labels = labels
      end

      # Starts the thread
      # @return [self]
      def start
        @thread = Thread.new { run }
        @thread.name = "karafka.producer.events"
        # Nothing of it matters to a fork, where the producer can not be used
        @thread.thread_variable_set(:fork_safe, true)
        self
      end

      # Waits until everything was handed out; not where a subscriber is who waits
      # @param timeout_ms [Integer]
      def join(timeout_ms)
        @thread.join(timeout_ms / 1_000.0) unless @thread.equal?(Thread.current)
      end

      private

      def run
        loop do
          events = @native.events(BATCH, WAIT)
          break if events == :closed

          events&.each { |name, details| dispatch(name, details) }
        end
      end

      def dispatch(name, details)
        __send__(name, *details)
      rescue Exception => e # rubocop:disable Lint/RescueException -- the producer's news have to go on
        report_failure(name, e)
      end

      def report_failure(name, error)
        instrument("error.occurred", caller: self, error: error, type: FAILURES.fetch(name, "callbacks.error.error"))
      rescue Exception => e # rubocop:disable Lint/RescueException -- as above
        # Who watches errors raised: the log is what is left
        @producer.config.logger.error("[#{@producer.id}] #{error.inspect}, and while that was reported: #{e.inspect}")
      end

      def delivery(number, topic, partition, offset, code)
        label = @labels.take(number)
        error = ::Rdkafka::RdkafkaError.new(code) unless code.zero?
        report = ::Rdkafka::Producer::DeliveryReport.new(partition, offset, topic, error: error, label: label)
        details = {
          caller: self, offset: offset, partition: partition, topic: topic, delivery_report: report, label: label
        }
        return instrument("message.acknowledged", **details) unless error

        instrument("error.occurred", error: error, type: "librdkafka.dispatch_error", **details)
      end

      def error(code, message, fatal)
        error = ::Rdkafka::RdkafkaError.new(
          code, broker_message: message, fatal: fatal, instance_name: @producer.id
        )
        instrument("error.occurred", caller: self, error: error, type: "librdkafka.error")
      end

      def statistics(json)
        instrument("statistics.emitted", statistics: JSON.parse(json))
      end

      def log(level, line)
        @producer.config.logger.public_send(LEVELS.fetch(level, :info), "rdkafka: [#{@producer.id}] #{line}")
      end

      def token_refresh
        Karafka::Embedded::Bearer.ask(-> { @native }, @producer.monitor) do |bearer|
          instrument("oauthbearer.token_refresh", caller: self, bearer: bearer)
        end
      end

      def instrument(event_id, **payload)
        @producer.monitor.instrument(event_id, { producer_id: @producer.id, **payload })
      end
    end
  end
end
