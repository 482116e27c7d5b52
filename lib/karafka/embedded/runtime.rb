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
      # What subscribers of a state have at least, in milliseconds
      LEAST_HEARING = 100
      LIVE = %i[starting running quieting quiet stopping crashed].freeze
      private_constant :JOIN_RESERVE, :LEAST_HEARING, :LIVE

      # @return [Native::Engine]
      attr_reader :engine
      # @return [WorkerPool]
      attr_reader :pool
      # @return [JobsQueue]
      attr_reader :jobs_queue
      # @return [CrashPolicy::Incidents] what is wrong and does not pass by itself
      attr_reader :incidents
      # @return [Routing::EnginePlan]
      attr_reader :plan
      # @return [EventDispatcher]
      attr_reader :dispatcher
      # @return [Watchdog]
      attr_reader :watchdog

      # @return [StateRecord]
      attr_reader :record

      # @param plan [Routing::EnginePlan]
      # @raise [Errors::InvalidConfigurationError] no route, or a consumer that can't be found
      def self.check(plan)
        raise Errors::InvalidConfigurationError, "No topics to subscribe to: draw at least one active topic" if
          plan.empty?

        ConsumerCheck.call(plan)
      end

      # @param policy [CrashPolicy] told of what does not pass by itself
      # @param record [StateRecord] told of the states
      # @param workers [Integer, nil] nil: `config.concurrency`
      def initialize(policy, record, workers: nil)
        @policy = policy
        @record = record
        @workers = workers
        @process_id = ::Process.pid
        @plan = Routing::EnginePlan.new
        self.class.check(@plan)
        @engine = Native::Engine.new(JSON.generate(@plan.to_h))
        @jobs_queue = JobsQueue.new(@engine)
        @executors = Processing::Executors.new(jobs_queue: @jobs_queue)
        @clients = @plan.subscription_groups.each_with_index.map { |group, index| client(group, index) }
        @listeners = @plan.subscription_groups.zip(@clients).map { |group, client| Listener.new(group, client) }
        @incidents = CrashPolicy::Incidents.new { |crash| policy.crashed(self, crash) }
        @dispatcher = EventDispatcher.new(@engine, @plan, @listeners, @incidents, on_death: method(:stuck))
        @pool = WorkerPool.new(self)
        @watchdog = Watchdog.new(self)
        @stop_mutex = Mutex.new
      end

      # @return [Boolean] is this the process it was made in
      def here?
        @process_id == ::Process.pid
      end

      # @return [Boolean]
      def live?
        here? && !@given_up && LIVE.include?(state)
      end

      # @return [Thread, nil] that hands out its events; nil while it is not there yet
      def thread
        @dispatcher.thread
      end

      # @return [Symbol]
      def state
        return :crashed if crashed? && !released?

        @report ? :stopped : running_state
      end

      # @return [Boolean] can it not go on; it stays so when it is put down
      def crashed?
        @crashed ||= @engine.state == :crashed
      end

      # A thread of it does not move any more, or dies again and again
      # @param error [EngineError]
      def stuck(error)
        @crashed = true
        @watchdog.wake
        @incidents.add(Crash.new(error, cause: :thread))
      end

      # Somebody stops it by hand: it is theirs, and no policy's any more
      def release
        @released = true
        @watchdog.wake
      end

      # @return [Boolean]
      def released?
        @released || false
      end

      # Ends it as one that can't go on. Its state stays `:crashed`.
      # @param timeout [Integer] milliseconds
      def put_down(timeout)
        @crashed = @decided = true
        stop(timeout)
      end

      # No policy starts it again; {Embedded.start} may
      def given_up
        @given_up = @decided = true
      end

      # @return [Boolean] has it crashed without a policy's having decided yet what is to follow
      def undecided?
        crashed? && !released? && !@decided
      end

      # Brings everything up
      def start
        announce
        @listeners.each { |listener| listener.advance_to(:pending) }
        @engine.start
        App.run!
        @dispatcher.start
        @pool.scale(@workers || App.config.concurrency)
        @watchdog.start
      end

      # Runs a lease
      # @param lease [Native::Lease]
      # @param worker [Worker]
      def call(lease, worker)
        kind = lease.kind
        @listeners[lease.group].received(lease) { topic_of(lease) } if kind == :consume
        @executors.call(lease, kind, worker: worker) { executor(lease) }
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
        return if own_thread?

        App.config.internal.code.wait { stopping.value }
      end

      # @return [Boolean] would the end of the calling thread's work be waited for by a stop
      def own_thread?
        @pool.include_current? || @hearing.equal?(Thread.current)
      end

      # @return [Hash{Symbol => Object}]
      def health
        HealthReport.of(self, JSON.parse(@engine.health, symbolize_names: true), @policy)
      end

      private

      def client(group, index)
        Connection::Client.new(
          group, native: -> { @engine.client(index) }, coordinators: -> { @executors.coordinators(group) }
        )
      end

      def executor(lease)
        group = lease.group
        Processing::Executor.new(
          lease.partition, topic_of(lease), @plan.subscription_group(group), @clients[group]
        )
      end

      def topic_of(lease)
        @plan.topic(lease.group, lease.topic)
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
        Instrumentation::InsightsTracker.watch(@plan.topics)
        Karafka::Process.tags.add(:execution_mode, "mode:embedded")
      end

      # A part of the time is kept for what follows the engine's end, so that the whole ends in time.
      def finish(timeout)
        deadline = Wait.now + timeout
        reserve = [timeout / 4, JOIN_RESERVE].min
        @engine.stop((timeout - reserve).to_i) # Even when another thread stops already: this timeout may be shorter.
        @stop_mutex.synchronize do
          @report ||= begin
            @record.stop_begun(released? ? :stopping : state, timeout)
            tell("app.stopping", deadline - reserve) { App.stop! }
            end_all(deadline, reserve)
          end
        end
      rescue StandardError => e
        report(Wait.now, type: "runner.call.error", error: e)
        raise
      end

      # Subscribers hear of a state, or an error, on a thread of their own: one that does not return keeps no stop from
      # its end.
      def tell(event, deadline, &block)
        hearing = Thread.new do
          @hearing = Thread.current # A subscriber may ask before its maker goes on
          block.call
        end
        hearing.name = "karafka.stop"
        hearing.report_on_exception = false
        return hearing.value if hearing.join([deadline - Wait.now, LEAST_HEARING].max / 1_000.0)

        report_deaf(event, hearing, deadline)
      ensure
        @hearing = nil
      end

      def report(deadline, **details)
        tell("error.occurred", deadline) { Instrumentation::ErrorReport.call(caller: self, **details) }
      end

      def report_deaf(event, thread, deadline)
        text = "a subscriber of #{event} has not returned in time; the stop goes on without it"
        # Who hears of errors is deaf
        if event == "error.occurred"
          return Karafka.logger.error(["Karafka::Embedded: #{text}", *thread.backtrace].join("\n"))
        end

        error = EngineError.new(text)
        error.set_backtrace(thread.backtrace)
        report(deadline, type: "runner.call.error", error: error)
      end

      def end_all(deadline, reserve)
        @engine.wait_until_stopped([deadline - Wait.now, 0].max.to_i)
        deadline = [deadline, Wait.now + reserve].min
        result = result_after(reserve / 4) { @pool.close(reserve / 4) }
        @watchdog.close(deadline - Wait.now)
        heard = @dispatcher.join(deadline - Wait.now)
        report_deaf("the engine's events", @dispatcher.thread, deadline) unless heard
        report_forceful(result, deadline) if result.abandoned.any?
        report_left_behind(result, deadline) if result.groups_not_left.any? || result.threads_left.positive?
        settle_producer(deadline)
        tell("app.stopped", deadline) { App.stopped! }
        result.log(Karafka.logger)
        tell("app.terminated", deadline) { App.terminate! }
        @record.stop_ended(released? ? :stopped : :crashed, result)
        result
      end

      # The producer stays open: the host may be answering requests that produce, and start comes again. What it holds
      # at the end of the process it flushes then.
      def settle_producer(deadline)
        answered = App.producer.settle([deadline - Wait.now, 0].max.to_i)
        Karafka.logger.warn("Karafka::Embedded stopped before all produced messages were answered") unless answered
      rescue StandardError => e
        report(deadline, type: "runner.call.error", error: e)
      end

      # @return [StopReport]
      def result_after(patience)
        told = JSON.parse(@engine.report)
        yield
        StopReport.new(told, threads_left: @engine.join_threads(patience))
      end

      def report_left_behind(result, deadline)
        left = result.groups_not_left.map { |group| "group #{group} was not left" }
        left << "#{result.threads_left} native threads did not end" if result.threads_left.positive?
        report(
          deadline,
          type: "app.forceful_stopping.error",
          error: Errors::ForcefulShutdownError.new("#{left.join(", ")} in time")
        )
      end

      def report_forceful(result, deadline)
        report(
          deadline,
          type: "app.stopping.error",
          error: Errors::ForcefulShutdownError.new("work was abandoned: #{result.abandoned.join("; ")}"),
          active_listeners: @listeners.select(&:active?), alive_workers: @pool.alive,
          in_processing: result.abandoned.group_by(&:group)
        )
      end
    end
  end
end
