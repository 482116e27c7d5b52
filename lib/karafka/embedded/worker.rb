# frozen_string_literal: true

module Karafka
  module Embedded
    # A thread that takes leases and runs them.
    #
    # Interrupts (`Timeout`, `Thread#raise`, `Thread#kill`) reach it only while a consumer runs or between jobs, never
    # between a lease and this object: a lease that was not settled is given back, and its messages come again.
    #
    # @api private
    class Worker
      # How interrupts reach the code of the application. Ruby 3.3 takes a Hash of identities as it is, and copies any
      # other at each call.
      AT_ONCE = { Object => :immediate }.compare_by_identity.freeze
      private_constant :AT_ONCE

      # @return [String]
      attr_reader :name
      # @return [Thread]
      attr_reader :thread

      # @param number [Integer]
      # @param runtime [Runtime]
      # @param on_exit [#call] told with this worker when its thread ends
      def initialize(number, runtime, on_exit)
        @name = "karafka.worker##{number}"
        @runtime = runtime
        @native = Native::Worker.new(runtime.engine)
        @on_exit = on_exit
        @retired = false
        Native.refers_to_jobs(self)
      end

      # @return [String]
      def id
        name
      end

      # Starts the thread. It inherits that nothing interrupts it: one that is killed before it has begun would end
      # without a word, and not be replaced.
      def start
        @thread = Thread.handle_interrupt(Object => :never) { Thread.new { run } }
        @thread.name = name
        @thread.priority = App.config.worker_thread_priority
        @thread.report_on_exception = false
        # Puma warns of threads that are there before it forks, unless they say that they cope
        @thread.thread_variable_set(:fork_safe, true)
        self
      end

      # Ends after the job that runs. A wait for a job ends at once; the job itself does not notice, as it would notice
      # `Thread#wakeup` in the midst of a sleep.
      def retire
        @retired = true
        @native.retire
      end

      # @return [Boolean] is it to end
      def retired?
        @retired
      end

      # @return [Boolean] did it end because there was nothing more for it to do, and not because somebody killed it
      def ended?
        @ended || false
      end

      # @return [Boolean]
      def alive?
        @thread&.alive? || false
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has it ended
      def join(timeout)
        !@thread.join([timeout, 0].max / 1_000.0).nil?
      end

      # Ends it in the middle of its job
      def kill
        @thread.kill
      end

      # @return [Boolean] is this the calling thread
      def current?
        @thread.equal?(Thread.current)
      end

      # @param topic [String]
      # @param partition [Integer]
      # @return [Boolean] is it in a job of this partition
      def works_on?(topic, partition)
        place = @lease&.partition
        !place.nil? && place.topic == topic && place.partition == partition
      end

      # @return [Array<String>, nil] what it is doing
      def backtrace
        @thread&.backtrace
      end

      private

      def run
        @thread = Thread.current # A consumer may ask before its maker goes on
        Thread.handle_interrupt(Object => :on_blocking) { serve }
        @ended = true
      ensure
        @lease&.give_back
        @native.leave
        @on_exit.call(self)
      end

      def serve
        nil until turn == :closed || @retired
      rescue Exception # rubocop:disable Lint/RescueException -- interrupted while it reported an interruption
        retry
      end

      # One job, or one look at interrupts
      def turn
        @lease = nil
        taken = @native.take
        case taken
        when :closed then :closed
        when :interrupted then Thread.handle_interrupt(AT_ONCE) { Thread.pass }
        else work(@lease = taken)
        end
      rescue Exception => e # rubocop:disable Lint/RescueException -- a worker outlives whatever was thrown at it
        report(e)
      end

      def work(lease)
        Thread.handle_interrupt(AT_ONCE) { @runtime.call(lease, self) }
      ensure
        lease.give_back # Nothing, where the job settled it
      end

      def report(error)
        Instrumentation::ErrorReport.call(
          type: "worker.process.error", error: error, caller: self, job: nil, jobs_queue: @runtime.jobs_queue
        )
      end
    end
  end
end
