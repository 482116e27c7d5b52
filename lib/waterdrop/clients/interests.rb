# frozen_string_literal: true

module WaterDrop
  module Clients
    # Tells the native side which deliveries somebody subscribed to, so that the others never cross. Subscribing is
    # possible at any time, so it is looked at with each message; what was wanted once stays wanted.
    #
    # @api private
    class Interests
      EVENTS = { "message.acknowledged" => :acknowledgements, "error.occurred" => :dispatch_errors }.freeze
      private_constant :EVENTS

      # @param native [Karafka::Native::Producer]
      # @param monitor [Instrumentation::Monitor]
      def initialize(native, monitor)
        @native = native
        @monitor = monitor
        @open = EVENTS
      end

      # Passes on what was subscribed to since the last time
      def refresh
        return if @open.empty?

        fresh = @open.select { |event_id, _| subscribed?(event_id) }
        return if fresh.empty?

        fresh.each_value { |interest| @native.want(interest) }
        @open = @open.reject { |event_id, _| fresh.key?(event_id) }
      end

      # @return [Boolean] does nobody want to know about any delivery
      def none?
        @open.size == EVENTS.size
      end

      private

      # A monitor of the application's own may not be able to tell
      def subscribed?(event_id)
        !@monitor.respond_to?(:subscribed?) || @monitor.subscribed?(event_id)
      end
    end
  end
end
