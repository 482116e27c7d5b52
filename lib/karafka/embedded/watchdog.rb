# frozen_string_literal: true

require "json"
require_relative "watchdog/stopwatch"
require_relative "watchdog/stall"
require_relative "watchdog/checks"

module Karafka
  module Embedded
    # Looks once a second at whether a run does anything, and tells of what stands still: in the log, in
    # `error.occurred` and in health, with what the threads in question were doing. What moves again is told in the log.
    # An engine whose own threads stand still can't go on: that is a crash.
    #
    # It needs Ruby's lock itself: code that never lets go of that is not seen by any thread of Ruby.
    #
    # @api private
    class Watchdog
      TICK = 1_000
      private_constant :TICK

      # @return [Integer] how often it looked
      attr_reader :looks

      # @param runtime [Runtime]
      def initialize(runtime)
        @runtime = runtime
        @checks = Checks.new(runtime, Stopwatch.new(2 * TICK))
        @mutex = Mutex.new
        @closed = ConditionVariable.new
        @stalls = {}.freeze
        @looks = 0
      end

      def start
        on_death = @runtime.method(:stuck)
        @thread = SupervisedThread.new("karafka.watchdog", on_death: on_death) { look until over? }.start
        self
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has its thread ended
      def close(timeout)
        @mutex.synchronize do
          @over = true
          @closed.broadcast
        end
        @thread.nil? || @thread.join(timeout)
      end

      # @return [Array<Stall>]
      def stalls
        @stalls.values
      end

      private

      # Waits for the next look
      def over?
        @mutex.synchronize { @over || (@closed.wait(@mutex, TICK / 1_000.0) && @over) }
      end

      def look
        pulse = JSON.parse(@runtime.engine.pulse, symbolize_names: true)
        @runtime.record.note(@runtime.state)
        replace_workers
        found = @checks.call(pulse)
        former = @stalls
        @stalls = found.to_h { |key, make| [key, former[key] || make.call] }.freeze
        (@stalls.keys - former.keys).each { |key| tell(@stalls[key]) }
        (former.keys - @stalls.keys).each do |key|
          Karafka.logger.info("Karafka::Embedded goes on: #{former[key].message}")
        end
        @looks += 1
      end

      def replace_workers
        @runtime.pool.replenish
      rescue ::ThreadError
        nil # Told as a stall when it lasts
      end

      def tell(stall)
        Karafka.logger.error("Karafka::Embedded #{[stall.message, *dump].join("\n")}")
        Instrumentation::ErrorReport.call(
          type: "watchdog.stall.error", error: stall.error, caller: self, threads: stall.threads
        )
        @runtime.stuck(stall.error) if stall.severity == :critical
      end

      # The culprit may be a thread of the host's that holds a lock
      def dump
        Thread.list.flat_map do |thread|
          ["#{thread.name || thread.inspect} (#{thread.status || "ended"}):",
           *thread.backtrace&.map { |line| "  #{line}" }]
        end
      end
    end
  end
end
