# frozen_string_literal: true

require "json"
require_relative "watchdog/stall"

module Karafka
  module Embedded
    # Tells of what stands still in a run: in the log, in `error.occurred` and in health, with what the threads in
    # question were doing. What moves again is told in the log. An engine whose own threads stand still can't go on:
    # that is a crash.
    #
    # The engine looks, once a second and without Ruby's lock. This thread wakes when there is something to tell, or to
    # do: workers to be replaced, a state to be written down. To tell it needs the lock: code that never lets go of that
    # is not seen by any thread of Ruby.
    #
    # @api private
    class Watchdog
      # Longest wait for news, in milliseconds
      LONGEST_WAIT = 60_000
      private_constant :LONGEST_WAIT

      # @param runtime [Runtime]
      def initialize(runtime)
        @runtime = runtime
        @engine = runtime.engine
        @stalls = {}.freeze
        @suspects = []
        @version = 0
      end

      def start
        on_death = @runtime.method(:stuck)
        @thread = SupervisedThread.new("karafka.watchdog", on_death: on_death) { look until @over }.start
        self
      end

      # Has it write down a state that the engine does not know of
      def wake
        @engine.nudge_watchdog
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has its thread ended
      def close(timeout)
        @over = true
        wake
        @thread.nil? || @thread.join(timeout)
      end

      # @return [Array<Stall>]
      def stalls
        @stalls.values
      end

      private

      def look
        told = @engine.watch(@version, LONGEST_WAIT)
        return if told.nil? || @over

        news = JSON.parse(told, symbolize_names: true)
        @runtime.record.note(@runtime.state)
        replace_workers
        certain = certain(news[:stalls])
        settle(certain)
        @version = news[:version] if certain.size == news[:stalls].size
      end

      # What needs Ruby's lock stands still, too, while other code keeps that. It has had its turn when it was seen
      # before this thread had the lock, and is seen again a second later.
      def certain(stalls)
        former = @suspects
        @suspects = stalls.map { |stall| stall[:id] }
        stalls.select { |stall| stall[:what] == "thread" || @stalls.key?(stall[:id]) || former.include?(stall[:id]) }
      end

      def replace_workers
        @runtime.pool.replenish
      rescue ::ThreadError
        nil # Told as a stall when it lasts
      end

      def settle(told)
        former = @stalls
        @stalls = told.to_h { |stall| [stall[:id], former[stall[:id]] || Stall.of(stall, @runtime)] }.freeze
        (@stalls.keys - former.keys).each { |id| tell(@stalls[id]) }
        (former.keys - @stalls.keys).each do |id|
          Karafka.logger.info("Karafka::Embedded goes on: #{former[id].message}")
        end
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
