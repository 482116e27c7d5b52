# frozen_string_literal: true

require_relative "figures"

module Bench
  # A thread that does nothing but count, and notices when it was kept from it.
  class Counter
    def initialize
      @longest = 0.0
      @thread = Thread.new { count }
      @thread.name = "bench.counter"
    end

    # @yield what may stall it
    # @return [Float] milliseconds
    def longest_gap_ms
      @longest = 0.0
      yield
      @longest * 1_000
    end

    private

    def count
      last = Figures.now
      loop do
        now = Figures.now
        @longest = now - last if now - last > @longest
        last = now
      end
    end
  end
end
