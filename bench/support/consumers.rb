# frozen_string_literal: true

require_relative "progress"
require_relative "latency_log"

module Bench
  # What the benches consume with. They report to an object that the bench gives their class.
  module Consumers
    # Knows who is told
    class Base < Karafka::BaseConsumer
      class << self
        attr_writer :told

        def told = @told || superclass.told
      end

      def told = self.class.told
    end

    # Looks at each payload
    class Touch < Base
      def consume
        told.begin
        messages.each { |message| message.raw_payload.bytesize }
        told.add(messages.size)
      end
    end

    # Asks for the size of a batch only
    class Size < Base
      def consume
        told.begin
        told.add(messages.size)
      end
    end

    # Looks at each payload and marks the last message
    class MarkLast < Base
      def consume
        told.begin
        messages.each { |message| message.raw_payload.bytesize }
        mark_as_consumed(messages.last)
        told.add(messages.size)
      end
    end

    # Looks at each payload and marks each message
    class MarkEach < Base
      def consume
        told.begin
        messages.each do |message|
          message.raw_payload.bytesize
          mark_as_consumed(message)
        end
        told.add(messages.size)
      end
    end

    # Looks at each payload and keeps the last messages that were seen
    class Hold < Base
      HELD = 10_000

      def consume
        told.begin
        messages.each { |message| message.raw_payload.bytesize }
        told.hold(messages.to_a, HELD)
        told.add(messages.size)
      end
    end

    # Tells how old messages are
    class Stamped < Base
      def consume
        messages.each { |message| told.arrived(message.raw_payload) }
      end
    end

    # The same, but for a partition that takes its time
    class SlowBeside < Base
      SLOW = 0
      SECONDS = 0.5

      def consume
        messages.each { |message| partition == SLOW ? linger : told.arrived(message.raw_payload) }
      end

      private

      def linger
        told.slow_began
        sleep(SECONDS) unless told.over?
      end
    end

    # Does what it is told
    class Obedient < Base
      def consume
        messages.each { |message| told.call(self, message) }
      end
    end
  end
end
