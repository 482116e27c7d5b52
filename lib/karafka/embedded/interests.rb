# frozen_string_literal: true

module Karafka
  module Embedded
    # Knows what somebody wants to have, so that nothing else is prepared, and no idle process woken for it.
    # Subscribers may come at any time.
    #
    # @api private
    class Interests
      STATISTICS = "statistics.emitted"
      private_constant :STATISTICS

      # @param engine [Native::Engine]
      def initialize(engine)
        @engine = engine
      end

      # While the block runs, a wait for the engine's events ends when who is subscribed changes
      def watch(&block)
        bus ? bus.observed_by(@engine.method(:nudge_events), &block) : yield
      end

      # Tells the engine
      def tell
        return if @statistics || !Karafka.monitor.subscribed?(STATISTICS)

        @engine.want_statistics
        @statistics = true
      end

      # @return [Boolean] is anybody to hear each second that connections were polled
      def heartbeat?
        bus.nil? || heard? || working?
      end

      private

      # Another monitor may do something with every event, and tells of no subscribers
      def bus
        monitor = Karafka.monitor
        bus = monitor.notifications_bus if monitor.instance_of?(Instrumentation::Monitor)
        bus if bus.instance_of?(Instrumentation::Notifications)
      end

      def heard?
        tracker = Instrumentation::AssignmentsTracker.instance
        Karafka.monitor.listeners.values_at(*Listener::POLL_EVENTS).flatten.any? { |other| !other.equal?(tracker) }
      end

      # The tracker of assignments looks for one that is lost while its jobs run; others it hears of by rebalances.
      def working?
        @engine.job_counts.first.positive?
      end
    end
  end
end
