# frozen_string_literal: true

module Karafka
  module Embedded
    # Tells the listeners whose connections were polled since it last looked, once a second. A connection that hangs is
    # not told of: that is what liveness probes look for.
    #
    # @api private
    class Heartbeat
      # In milliseconds
      INTERVAL = 1_000

      # @param engine [Native::Engine]
      # @param listeners [Array<Listener>] one for each group, in the order of the plan
      def initialize(engine, listeners)
        @engine = engine
        @listeners = listeners
        @turns = Array.new(listeners.size, 0)
        @next_at = Wait.now
      end

      # Looks, if it is time
      def call
        now = Wait.now
        return if now < @next_at

        @next_at = now + INTERVAL
        turns = @engine.poll_turns
        polled = @listeners.each_index.select { |index| turns[index] > @turns[index] }
        @turns = turns
        App.config.internal.code.enter { polled.each { |index| @listeners[index].polled } } if polled.any?
      end
    end
  end
end
