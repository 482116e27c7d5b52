# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # One run, from {Embedded.start} to the end of {Embedded.stop}: the engine, its workers and its events.
    #
    # @api private
    class Runtime
      # What of a stop's time is kept at most for joining threads once the engine has stopped, in milliseconds
      JOIN_RESERVE = 2_000
      LIVE = %i[starting running quieting quiet stopping crashed].freeze
      private_constant :JOIN_RESERVE, :LIVE

      # @return [Native::Engine]
      attr_reader :engine
      # @return [WorkerPool]
      attr_reader :pool
      # @return [JobsQueue]
      attr_reader :jobs_queue

      def initialize
        @process_id = ::Process.pid
        @plan = Routing::EnginePlan.new
        check
        @engine = Native::Engine.new(JSON.generate(@plan.to_h))
        @jobs_queue = JobsQueue.new(@engine)
        @executors = Processing::Executors.new(jobs_queue: @jobs_queue)
        @listeners = @plan.subscription_groups.map { |group| Listener.new(group) }
        @dispatcher = EventDispatcher.new(@engine, @plan, @listeners)
        @pool = WorkerPool.new(self)
        @stop_mutex = Mutex.new
      end

      # @return [Boolean] is this the process it was made in
      def here?
        @process_id == ::Process.pid
      end

      # @return [Boolean]
      def live?
        here? && LIVE.include?(state)
      end

      # @return [Thread]
      def thread
        @dispatcher.thread
      end

      # @return [Symbol]
      def state
        @report ? :stopped : running_state
      end

      # Brings everything up
      def start
        announce
        @engine.start
        App.run!
        @dispatcher.start
        @pool.scale(App.config.concurrency)
      end

      # Runs a lease
      # @param lease [Native::Lease]
      # @param worker [Worker]
      def call(lease, worker)
        topic = @plan.topic(lease.group, lease.topic)
        @executors.call(lease, topic: topic, subscription_group: @plan.subscription_group(lease.group), worker: worker)
      end

      def quiet
        @engine.quiet
      end

      # Every caller waits for the same stop. It runs on a thread of its own: a signal handler can't take a Mutex, and a
      # thread that is killed while it waits must not leave the stop half done.
      # @param timeout [Integer] milliseconds
      # @return [StopReport, nil] nil for a worker, which would wait for itself
      def stop(timeout)
        return @report if @report

        stopping = Thread.new { finish(timeout) }
        stopping.name = "karafka.stop"
        stopping.report_on_exception = false
        return if @pool.include_current?

        stopping.value
      end

      # @return [Hash{Symbol => Object}]
      def health
        told = JSON.parse(@engine.health, symbolize_names: true)
        reasons = Reasons.call(state, told[:groups], @dispatcher.critical_errors)
        {
          state: state, healthy: reasons.empty?, process_id: @process_id, reasons: reasons,
          workers: { size: @pool.size, alive: @pool.alive.size, idle: told[:idle_workers] },
          groups: told[:groups], ready_partitions: told[:ready_partitions], dropped_events: told[:dropped_events]
        }
      end

      # Why something is not healthy
      module Reasons
        # @param state [Symbol]
        # @param groups [Array<Hash>]
        # @param critical_errors [Array<String>]
        # @return [Array<String>]
        def self.call(state, groups, critical_errors)
          reasons = critical_errors.dup
          reasons << state.to_s unless state == :running
          groups.reject { |group| group[:connected] }.each do |group|
            reasons << "#{group[:id]}: not connected#{": #{group[:last_error]}" if group[:last_error]}"
          end
          reasons
        end
      end

      private

      def check
        raise Errors::InvalidConfigurationError, "No topics to subscribe to: draw at least one active topic" if
          @plan.empty?

        ConsumerCheck.call(@plan)
      end

      # Running means that workers are there, too
      def running_state
        state = @engine.state
        state == :stopped && @pool.size.positive? ? :stopping : state
      end

      def announce
        App.config.internal.status.reset!
        Server.execution_mode = :embedded
        Server.workers = @pool
        Server.listeners = @listeners
        Server.jobs_queue = @jobs_queue
        Karafka::Process.tags.add(:execution_mode, "mode:embedded")
      end

      # A part of the time is kept for what follows the engine's end, so that the whole ends in time.
      def finish(timeout)
        deadline = Wait.now + timeout
        reserve = [timeout / 4, JOIN_RESERVE].min
        @engine.stop(timeout - reserve) # Even when another thread stops already: this timeout may be shorter.
        App.stop!
        @stop_mutex.synchronize { @report ||= end_all(deadline, reserve) }
      end

      def end_all(deadline, reserve)
        @engine.wait_until_stopped([deadline - Wait.now, 0].max.to_i)
        deadline = [deadline, Wait.now + reserve].min
        report = report_after(reserve / 4) { @pool.close(reserve / 4) }
        @dispatcher.join(deadline - Wait.now)
        report_forceful(report) if report.abandoned.any?
        settle_producer(deadline - Wait.now)
        App.stopped!
        Karafka.logger.info("Karafka::Embedded #{report}")
        App.terminate!
        report
      end

      # The producer stays open: the host may be answering requests that produce, and start comes again. What it holds
      # at the end of the process it flushes then.
      def settle_producer(timeout)
        answered = App.producer.settle([timeout, 0].max.to_i)
        Karafka.logger.warn("Karafka::Embedded stopped before all produced messages were answered") unless answered
      rescue StandardError => e
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: e, caller: self)
      end

      def report_after(patience)
        told = JSON.parse(@engine.report)
        yield
        StopReport.new(told, threads_left: @engine.join_threads(patience))
      end

      def report_forceful(report)
        Instrumentation::ErrorReport.call(
          type: "app.stopping.error", caller: self,
          error: Errors::ForcefulShutdownError.new("work was abandoned: #{report.abandoned.join("; ")}"),
          active_listeners: @listeners.select(&:active?), alive_workers: @pool.alive,
          in_processing: report.abandoned.group_by(&:group)
        )
      end
    end
  end
end
