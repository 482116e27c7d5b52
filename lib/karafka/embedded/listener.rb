# frozen_string_literal: true

require "securerandom"

module Karafka
  module Embedded
    # A subscription group at work, as events and {Karafka::Server.listeners} show it. What it tells of happens in the
    # engine; a subscriber that raises is reported and disturbs nothing.
    class Listener
      # In the order in which they come
      STATES = %i[pending starting running quieting quiet stopping stopped].freeze
      RECEIVED = "connection.listener.fetch_loop.received"
      # What {#polled} tells
      POLL_EVENTS = ["client.events_poll", "connection.listener.fetch_loop", RECEIVED].freeze
      FAILURE = "connection.listener.fetch_loop.error"
      private_constant :RECEIVED, :FAILURE

      # @return [String]
      attr_reader :id
      # @return [Routing::SubscriptionGroup]
      attr_reader :subscription_group
      # @return [Connection::Client]
      attr_reader :client
      # @return [String, nil] librdkafka's name of the client, such as `karafka#consumer-1`
      attr_reader :name

      STATES.each { |state| define_method(:"#{state}?") { @state == state } }

      # @param subscription_group [Routing::SubscriptionGroup]
      # @param client [Connection::Client]
      def initialize(subscription_group, client)
        @id = SecureRandom.hex(6)
        @subscription_group = subscription_group
        @client = client
        @mutex = Mutex.new
        @looked_at = Wait.now
      end

      # @return [Boolean] does it work, or end its work
      def active?
        !(pending? || stopping? || stopped?)
      end

      # Moves on to a state, through those that come before it where that is how it ends. Never moves back.
      # @param state [Symbol] one of {STATES}
      # @api private
      def advance_to(state)
        steps_to(state).each do |step|
          emit(step)
          case step
          when :starting then emit("before_fetch_loop", **details)
          when :stopped then emit("after_fetch_loop", **details) if @began
          end
        end
      end

      # The group has a client that subscribed
      # @param client_name [String]
      # @api private
      def started(client_name)
        @name = client_name
        @began = true
        advance_to(:running)
      end

      # The connection was polled, which happens about once a second
      # @api private
      def polled
        return unless active?

        report_failure { Karafka.monitor.instrument("client.events_poll", caller: client, **group) }
        emit("fetch_loop", **details)
        tell_received unless @received
        @received = false
      end

      # A batch was taken
      # @param lease [Native::Lease]
      # @yieldreturn [Routing::Topic] its topic, asked for where somebody wants to hear of it
      # @api private
      def received(lease)
        return unless Karafka.monitor.subscribed?(RECEIVED)

        @received = true
        topic = yield
        App.config.internal.code.enter { tell_received(lease, topic) }
      end

      private

      # Between running and stopped nothing is left out: a stop without a quiet before it ends the work all the same
      def steps_to(state)
        @mutex.synchronize do
          here = STATES.index(@state) || -1
          there = STATES.index(state)
          next [] if there <= here

          @state = state
          here.zero? && there > STATES.index(:running) ? [state] : STATES[(here + 1)..there]
        end
      end

      def tell_received(*batch)
        now = Wait.now
        time = now - @looked_at
        @looked_at = now
        report_failure do
          buffer = Connection::MessagesBuffer.new(*batch)
          Karafka.monitor.instrument(RECEIVED, caller: self, **details, messages_buffer: buffer, time: time)
        end
      end

      def emit(what, **payload)
        report_failure { Karafka.monitor.instrument("connection.listener.#{what}", caller: self, **payload) }
      end

      def report_failure
        yield
      rescue StandardError, ScriptError => e
        Instrumentation::ErrorReport.call(type: FAILURE, error: e, caller: self, **group)
      end

      def details
        { client: client, **group }
      end

      def group
        { subscription_group: subscription_group }
      end
    end
  end
end
