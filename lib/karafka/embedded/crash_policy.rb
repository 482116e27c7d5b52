# frozen_string_literal: true

require_relative "crash_policy/crash"
require_relative "crash_policy/budget"
require_relative "crash_policy/incidents"

module Karafka
  module Embedded
    # Decides what follows from something that does not pass by itself, and does it, on the thread `karafka.crash`.
    # There is one for a process, whatever runs come and go. docs/errors.md has what counts, and what follows.
    #
    # @api private
    class CrashPolicy
      # Longest sleep between two looks at whether a restart is still wanted, in milliseconds
      SLICE = 50
      # What a crashed engine gets to end what runs and to leave its groups, at most, in milliseconds
      LONGEST_STOP = 10_000
      private_constant :SLICE, :LONGEST_STOP

      # @return [Integer] how often an engine was started again in this process
      attr_reader :restarts

      # @param embedded [Module] {Embedded}: `runtime`, `host`, `succeed`
      def initialize(embedded)
        @embedded = embedded
        @process_id = ::Process.pid
        @restarts = 0
      end

      # @return [Boolean] is this the process it was made in
      def here?
        @process_id == ::Process.pid
      end

      # Somebody starts an engine by hand: what was counted is forgotten. The thread is there from then on until
      # {#close}. It starts the engines that follow: a thread that was started by one of the engine before would inherit
      # more masks of interrupts each time.
      def renew
        @budget = Budget.new(App.config.embedded)
        @host_stopped = false
        return if @thread && !@cases.closed?

        @cases = Thread::Queue.new
        @thread = SupervisedThread.new("karafka.crash", on_death: method(:unable)) { work }.start
      end

      # Nothing is to follow any more. Works in a signal handler.
      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has its thread ended
      def close(timeout)
        @cases&.close
        @thread.nil? || @thread.join(timeout)
      end

      # Returns at once
      # @param runtime [Runtime] whose engine it is
      # @param crash [Crash]
      def crashed(runtime, crash)
        @cases << [runtime, crash]
      rescue ClosedQueueError
        nil # It was stopped by hand.
      end

      # What a start that is under way makes is handed over, or stopped
      # @param timeout [Numeric] milliseconds
      # @return [Boolean] is none under way
      def settle(timeout)
        Wait.until(timeout) { !@starting || @thread&.current? }
      end

      # @return [Thread, nil] on which it decides
      def thread
        @thread&.thread
      end

      # @return [Integer, nil] milliseconds until the next start
      def next_restart_in
        due = @due
        [due - Wait.now, 0].max.round if due
      end

      private

      # A case that was begun is kept until it is closed, for the thread that comes after one that died
      def work
        cases = @cases
        while @case ||= cases.pop
          carry_out(*@case)
          @case = nil
        end
      end

      def unable(error)
        log(:fatal, "can't carry out the crash policy: #{error.message}")
      end

      def carry_out(runtime, crash)
        return unless responsible?(runtime)

        policy = App.config.embedded.crash_policy
        return act(decision(policy, crash), runtime, crash) if policy.respond_to?(:call)

        outcome = runtime.crashed? ? :crashed : stand(policy, runtime, crash)
        act(policy, runtime, crash) unless outcome == :settled
      end

      def act(policy, runtime, crash)
        case policy
        when :restart then restart(runtime, crash)
        when :stop_host then stop_host(runtime, crash)
        else leave(runtime, crash, "the policy is to report")
        end
      end

      # The engine still works, and what failed in it tries again by itself. Another engine would do no better, and
      # would disturb the other groups.
      # @return [:settled, :stands, :crashed]
      def stand(policy, runtime, crash)
        return :stands if policy == :report

        log(:error, "#{crash}; it is tried again until it heals")
        policy == :restart ? :settled : outlast(runtime, crash)
      end

      # The host is not stopped for a moment's failure, which all of its processes may have at once
      def outlast(runtime, crash)
        due = Wait.now + App.config.embedded.crash_patience
        while Wait.now < due
          return :crashed if runtime.crashed?
          return :settled if runtime.released? || !runtime.incidents.include?(crash)

          sleep(SLICE / 1_000.0)
        end
        :stands
      end

      def responsible?(runtime)
        @embedded.runtime.equal?(runtime) && !runtime.released?
      end

      # A callable may name what is to follow; else it has done what it wants
      def decision(policy, crash)
        policy.call(crash)
      rescue StandardError => e
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: e, caller: self)
        :report
      end

      # ---- restart ---------------------------------------------------------------------------------------------------

      def restart(runtime, crash)
        while crash
          delay = @budget.take
          return give_up(runtime, crash) unless delay

          log(:error, "#{crash}; to be started again in #{delay} ms (#{@budget.taken} of #{allowed})")
          crash = after(runtime, delay) { succeed(runtime) }
        end
      end

      def after(runtime, delay)
        @due = Wait.now + delay
        case await(runtime, @due)
        when :due then yield
        when :healed then healed
        end
      ensure
        @due = nil
      end

      # A crashed engine leaves at once, so that others take over what it had. One that still works may heal.
      def await(runtime, due)
        loop do
          return if runtime.released?

          runtime.put_down(longest_stop) if runtime.crashed?
          return :healed if runtime.incidents.none? && !runtime.crashed?

          left = due - Wait.now
          return :due unless left.positive?

          sleep([left, SLICE].min / 1_000.0)
        end
      end

      def healed
        @budget.give_back
        log(:info, "healed; no restart is needed")
        nil
      end

      # @return [Crash, nil] a start that failed
      def succeed(runtime)
        @starting = true
        runtime.put_down(longest_stop)
        if @embedded.succeed(runtime)
          @restarts += 1
          log(:info, "was started again")
        end
        nil
      rescue StandardError => e
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: e, caller: self)
        Crash.new(e, cause: :start).tap { |crash| runtime.incidents.note(crash) }
      ensure
        @starting = false
      end

      def give_up(runtime, crash)
        error = EngineError.new("#{@budget.taken} restarts were in vain, the last for #{crash}")
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: error, caller: self)
        leave(runtime, crash, "#{allowed} restarts within #{Budget::WINDOW_MS / 60_000} minutes were made")
      end

      def allowed
        App.config.embedded.crash_restarts
      end

      # ---- the others ------------------------------------------------------------------------------------------------

      # Once: a second signal would cut the host's own end short
      def stop_host(runtime, crash)
        host = @embedded.host
        runtime.given_up if runtime.crashed? # A host that stays all the same may start another one.
        unless @host_stopped
          @host_stopped = true
          log(:fatal, "#{crash}; the host (#{host.name}) is asked to stop")
          host.stop
        end
        runtime.put_down(longest_stop) if runtime.crashed?
      end

      def leave(runtime, crash, why)
        if runtime.crashed?
          # First: who reads the log may start another one at once
          runtime.given_up
          log(:fatal, "#{crash}; it stays down: #{why}")
          runtime.put_down(longest_stop)
        else
          log(:fatal, "#{crash}; nothing is done: #{why}")
        end
      end

      def longest_stop
        [Deadline.of(@embedded.host), LONGEST_STOP].min
      end

      def log(level, text)
        Karafka.logger.public_send(level, "Karafka::Embedded #{text}")
      rescue StandardError
        nil # There is nobody left to tell.
      end
    end
  end
end
