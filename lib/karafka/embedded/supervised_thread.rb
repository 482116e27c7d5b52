# frozen_string_literal: true

module Karafka
  module Embedded
    # A thread that the engine can't do without. One that ends before its work does, killed or by an error, is reported
    # and replaced; the work begins anew. One that ends again and again is given up.
    #
    # @api private
    class SupervisedThread
      # Replacements within WINDOW_MS after which it is given up
      LIMIT = 10
      WINDOW_MS = 60_000
      private_constant :LIMIT, :WINDOW_MS

      # @return [Thread, nil] the present one
      attr_reader :thread

      # @param name [String]
      # @param on_death [#call] told with an {EngineError} when it is given up
      # @yield the work; it returns when there is none any more
      def initialize(name, on_death:, &work)
        @name = name
        @on_death = on_death
        @work = work
        @deaths = []
      end

      # Starts it. It inherits that nothing interrupts it: one that is killed before it has begun would end without a
      # word.
      def start
        @thread = Thread.handle_interrupt(Object => :never) { Thread.new { run } }
        @thread.name = @name
        @thread.report_on_exception = false
        # Puma warns of threads that are there before it forks, unless they say that they cope
        @thread.thread_variable_set(:fork_safe, true)
        self
      end

      # @return [Boolean] is this the calling thread
      def current?
        @thread.equal?(Thread.current)
      end

      # Ends a sleep of it early
      def wakeup
        @thread&.wakeup
      rescue ::ThreadError
        nil # It ended between the question and the call.
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has its work ended; for the thread itself it counts as ended
      def join(timeout)
        deadline = Wait.now + timeout
        loop do
          thread = @thread
          return true if thread.nil? || thread.equal?(Thread.current)
          return false unless thread.join([deadline - Wait.now, 0].max / 1_000.0)
          return true if thread.equal?(@thread)
        end
      end

      private

      def run
        @thread = Thread.current # The work may ask before its maker goes on
        ended = false
        Thread.handle_interrupt(Object => :immediate) { @work.call }
        ended = true
      rescue Exception => e # rubocop:disable Lint/RescueException -- whatever ended it, it goes on
        error = e
      ensure
        died(error) unless ended
      end

      def died(error)
        now = Wait.now
        @deaths = [*@deaths.reject { |at| now - at > WINDOW_MS }, now]
        message = "the thread #{@name} ended unexpectedly: #{error ? "#{error.class}: #{error.message}" : "killed"}"
        return give_up(EngineError.new("#{message}; #{LIMIT} times in a minute")) if @deaths.size >= LIMIT

        start
        report(EngineError.new("#{message}; it was replaced"))
      rescue ::ThreadError
        nil # The process ends, and Ruby makes no thread any more.
      end

      # What follows is told first: a subscriber that ended the thread may end it here, too.
      def give_up(error)
        @on_death.call(error)
        report(error)
      end

      def report(error)
        Instrumentation::ErrorReport.call(type: "runner.call.error", caller: self, error: error)
      end
    end
  end
end
