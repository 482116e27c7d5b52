# frozen_string_literal: true

module Bench
  # Ages of stamped messages. What carries no stamp, or one of an earlier run, only says that messages arrive.
  class LatencyLog
    STAMP = 0...20

    def initialize
      @since = clock
      @ages_ms = Thread::Queue.new
      @arrivals = Thread::Queue.new
      @slow = Thread::Queue.new
    end

    # @param payload [String]
    def arrived(payload)
      stamp = Integer(payload[STAMP], 10, exception: false)
      if stamp && stamp > @since
        @ages_ms << ((clock - stamp) / 1e6)
      elsif @arrivals.empty?
        @arrivals << true
      end
    end

    # The slow partition is at work
    def slow_began
      @slow << true if @slow.empty?
    end

    # Waits for the first message
    def wait_for_arrival = @arrivals.pop

    # Waits for the first message of the slow partition
    def wait_for_slow = @slow.pop

    # @return [Array<Float>] the next so many, in milliseconds
    def take(count) = Array.new(count) { @ages_ms.pop }

    def over! = @over = true

    def over? = @over

    private

    def clock = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
  end
end
