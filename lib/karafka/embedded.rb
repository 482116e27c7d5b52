# frozen_string_literal: true

require_relative "embedded/version"
require_relative "embedded/engine_error"
require_relative "embedded/stop_report"
require_relative "embedded/wait"
require_relative "embedded/hosts"
require_relative "embedded/deadline"
require_relative "embedded/tool"
require_relative "embedded/hosting"
require_relative "embedded/code"
require_relative "embedded/listener"
require_relative "embedded/worker"
require_relative "embedded/worker_pool"
require_relative "embedded/jobs_queue"
require_relative "embedded/bearer"
require_relative "embedded/failure_type"
require_relative "embedded/heartbeat"
require_relative "embedded/interests"
require_relative "embedded/statistics_document"
require_relative "embedded/event_dispatcher"
require_relative "embedded/consumer_check"
require_relative "embedded/supervised_thread"
require_relative "embedded/crash_policy"
require_relative "embedded/watchdog"
require_relative "embedded/state_record"
require_relative "embedded/health_report"
require_relative "embedded/health"
require_relative "embedded/health_server"
require_relative "embedded/runtime"

module Karafka
  # Consumers inside the process that calls {start}: a web server, a job processor, a script, a spec.
  #
  # They run in the background on threads of their own. The host keeps its signals and its shutdown; its hooks call
  # {quiet} and {stop}, which work from a signal handler too. What was stopped can be started again, and a fork starts
  # its own.
  #
  # {Hosting} has what a host calls instead of writing those hooks; Puma has a plugin.
  # @example config/puma.rb
  #   plugin :karafka_embedded
  module Embedded
    autoload :Broker, File.expand_path("embedded/broker", __dir__)
    extend Hosting

    # ms for what did start of a start that failed to end
    LAUNCH_PATIENCE = 2_000
    # ms for a policy to decide whether an engine that crashed is started again
    DECISION_PATIENCE = 5_000
    # ms for a health server to leave its address to the next one
    SILENCE_PATIENCE = 1_000
    private_constant :LAUNCH_PATIENCE, :DECISION_PATIENCE, :SILENCE_PATIENCE

    @mutex = Mutex.new
    # Calls of {stop} that are under way, one entry each. A Queue works in a signal handler.
    @stops = Thread::Queue.new

    class << self
      # Starts consuming, and returns without waiting for a broker. While another thread stops what ran before, it waits
      # for the end of that; after a crash, until the crash policy has decided whether it starts another engine, five
      # seconds at most.
      # @return [Thread, nil] the thread `karafka.embedded`, which hands events to subscribers; nil when it runs already
      #   or is going to be started again by policy, as it may be where no policy has decided in time
      # @raise [Errors::InvalidConfigurationError] no active routes, a consumer that can't be found, or a setting that
      #   librdkafka refuses: it is named
      # @raise [Errors::UnsupportedCaseError] in a signal handler, in a master that forks those who serve, and by a
      #   consumer or a subscriber that the engine waits for while it is stopped
      # @example
      #   Karafka::Embedded.start
      def start
        refuse_in_trap
        refuse_before_fork
        return unless await_decision

        exclusively do
          await_stops
          return if runtime&.live?

          @quiet = @unwanted = false
          runtime.put_down(Deadline.of(host)) if runtime&.crashed? # It may be leaving its groups still
          attend
          launched = launch
          launched.release if @unwanted
          if keep(launched)
            launched.quiet if @quiet
          else
            dismiss
          end
          launched.thread
        rescue StandardError, ScriptError
          dismiss
          raise
        end
      end

      # Raises what {start} would raise about routes and consumers. It starts nothing, connects to nothing and loads
      # nothing native: for a process that forks, before it does.
      # @return [nil]
      # @raise [Errors::InvalidConfigurationError]
      def check
        Runtime.check(Routing::EnginePlan.new)
      end

      # Takes no new work. What runs ends, partitions are kept, until {stop}. Returns at once; may be repeated; works in
      # a signal handler.
      # @return [nil]
      def quiet
        @quiet = true # For an engine, too, that takes the place of one that crashed
        runtime&.quiet
        nil
      end

      # Lets running work end, commits, leaves the groups and closes everything. Returns at its deadline at the latest,
      # with what it had to leave. May be repeated, and called by several threads: all get the same report. Works in a
      # signal handler. Called by a consumer it only begins, since it would wait for itself.
      # @param timeout [Integer, nil] longest wait for running work in milliseconds; nil: `shutdown_timeout`, and less
      #   than the host waits before it kills
      # @return [StopReport, nil] nil when nothing was started, or when a consumer calls it
      # @example
      #   report = Karafka::Embedded.stop(timeout: 20_000)
      #   report.clean? # => true
      def stop(timeout: nil)
        timeout ||= Deadline.of(host)
        deadline = Wait.now + timeout
        @unwanted = true # By a start, too, that has nothing to stop yet: it ends what it begins
        return unless (stopped = runtime)

        @stops << stopped
        stopped.release
        # A signal, or a subscriber, in the midst of a start: that ends what it begins.
        return if @launching.equal?(Thread.current)

        Wait.until(deadline - Wait.now) { !@launching&.alive? }
        report = stopped.stop([deadline - Wait.now, 0].max)
        # A restart by policy may be under way; it sees that it is not wanted any more
        crash_policy.settle(deadline - Wait.now)
        crash_policy.close(deadline - Wait.now)
        fall_silent if state == :stopped
        report
      ensure
        @stops.pop(true) if stopped
      end

      # {stop}, then {start}
      # @param timeout [Integer, nil] as in {stop}
      # @return [Thread] as from {start}
      # @raise [Errors::UnsupportedCaseError] by a consumer, which would wait for itself; the engine stops
      def restart(timeout: nil)
        stop(timeout: timeout)
        start
      end

      # What is to follow when something fails that does not pass by itself. docs/errors.md has what counts.
      # @param policy [:restart, :stop_host, :report, #call] a callable gets a {Crash}, on a thread of its own, and may
      #   return the name of what is to follow
      # @yieldparam crash [Crash] instead of a callable
      # @return [nil]
      # @raise [Errors::InvalidConfigurationError] for anything else
      # @example
      #   Karafka::Embedded.on_crash(:stop_host)
      # @example
      #   Karafka::Embedded.on_crash { |crash| crash.cause == :authorization ? :report : :restart }
      def on_crash(policy = nil, &block)
        policy = block || policy
        unless Setup::EmbeddedSettings::CRASH_POLICIES.include?(policy) || policy.respond_to?(:call)
          raise Errors::InvalidConfigurationError,
                "Karafka::Embedded.on_crash takes :restart, :stop_host, :report or a callable, not #{policy.inspect}"
        end

        App.config.embedded.crash_policy = policy
        nil
      end

      # @return [Symbol] :stopped, :starting, :running, :quieting, :quiet, :stopping or :crashed
      def state
        runtime ? runtime.state : :stopped
      end

      # @return [Boolean] are messages taken
      def running?
        state == :running
      end

      # @return [Boolean] running, every group connected, and no error that does not pass by itself
      def healthy?
        health[:healthy]
      end

      # @return [Hash{Symbol => Object}] how it is: `:state`, `:healthy`, `:reasons` (why it is not healthy),
      #   `:process_id`, `:restarts`, `:crashes`, `:stalls`, `:workers`, `:groups` (each with `:connected`, `:assigned`,
      #   `:lag`, `:running`, `:restarts` (clients that took the place of a lost one), `:last_error`, …)
      def health
        runtime ? runtime.health : HealthReport.stopped(crash_policy)
      end

      # Waits until a state is reached
      # @param wanted [Symbol] as in {state}
      # @param timeout [Integer] milliseconds
      # @return [Boolean] was it reached in time
      # @example
      #   Karafka::Embedded.wait_until(:running, timeout: 5_000)
      def wait_until(wanted, timeout:)
        Wait.until(timeout) { state == wanted }
      end

      # @return [Runtime, nil] what was started in this process last
      # @api private
      def runtime
        @runtime if @runtime&.here?
      end

      # @return [Host] the process that consumers live in
      # @api private
      def host
        @host || Hosts.detect
      end

      # @param host [Host, nil] nil to look again
      # @api private
      attr_writer :host

      # @return [CrashPolicy] of this process
      # @api private
      def crash_policy
        @crash_policy = CrashPolicy.new(self) unless @crash_policy&.here?
        @crash_policy
      end

      # Starts an engine in the place of one that crashed
      # @param crashed [Runtime]
      # @return [Boolean] was it, or did somebody stop or start meanwhile
      # @api private
      def succeed(crashed)
        exclusively do
          return false if !runtime.equal?(crashed) || crashed.released?

          successor = launch(workers: crashed.pool.wanted) # As many as it was scaled to
          successor.release if crashed.released?
          return false unless keep(successor)

          successor.quiet if @quiet
          true
        end
      end

      private

      # What is there from a start by hand to the stop, whatever engines come and go
      def attend
        crash_policy.renew
        @record = StateRecord.open(App.config.embedded.state_path)
        tell_health
      end

      # What is there of a start that comes to nothing
      def dismiss
        crash_policy.close(LAUNCH_PATIENCE)
        fall_silent
      end

      # It is known before it starts: what fails at once, and a stop that comes meanwhile, are about this one.
      def launch(workers: nil)
        former = @runtime
        launched = Runtime.new(crash_policy, @record, workers: workers)
        @record.run_begun
        @launching = Thread.current
        @runtime = launched
        launched.start
        launched
      rescue StandardError, ScriptError
        # A subscriber of app.running, say: nothing is left running that nobody knows of
        if launched
          launched.release
          launched.stop(LAUNCH_PATIENCE)
        end
        @runtime = former
        raise
      ensure
        @launching = nil
      end

      # @return [Boolean] may it run: what was stopped while it started ends here
      def keep(launched)
        return true unless launched.released?

        launched.stop(Deadline.of(host))
        false
      end

      # A call of {stop} is under way, or what it began by a consumer, even if the engine has not heard of it yet
      def stopping?
        !@stops.empty? || state == :stopping || (runtime.released? && runtime.live?)
      end

      # Who hands out events, or decides, can't wait for a decision
      # @return [Boolean] false when somebody has stopped it meanwhile
      def await_decision
        crashed = runtime
        return true unless crashed&.undecided?
        return true if [crashed.thread, crash_policy.thread].include?(Thread.current)

        App.config.internal.code.wait do
          Wait.until(DECISION_PATIENCE) { !crashed.undecided? || !crashed.equal?(runtime) }
        end
        !crashed.released?
      end

      def await_stops
        return @stops.clear if runtime.nil? # What a fork has of its parent
        return unless stopping?
        return if !runtime.own_thread? && Wait.until(Deadline.of(host)) { !stopping? }

        raise Errors::UnsupportedCaseError,
              "Karafka::Embedded.start has to wait for a stop, which waits for this thread: call it from another " \
              "one, for example `Thread.new { Karafka::Embedded.restart }`"
      end

      # One thread at a time. It counts as running code before it has the Mutex: who reloads code waits for those who
      # run it, and may come here then.
      def exclusively(&block)
        App.config.internal.code.enter { @mutex.synchronize(&block) }
      end

      # On a port of its own, where one is configured. The server before may not have left it yet.
      def tell_health
        @silenced_server.join(SILENCE_PATIENCE) if @silenced_server&.here?
        @silenced_server = nil
        @health_server = HealthServer.open(App.config.embedded.health_address) unless @health_server&.here?
      end

      def fall_silent
        return unless (server = @health_server)

        server.close if server.here?
        @silenced_server = server
        @health_server = nil
      end

      # What a master consumes its workers don't: they answer requests without consumers
      def refuse_before_fork
        return unless App.config.embedded.start_before_fork == :refuse && host.forks?

        raise Errors::UnsupportedCaseError,
              "Karafka::Embedded.start was called in the master of #{host.name}, whose workers would not consume: " \
              "use `plugin :karafka_embedded`, or call it in before_worker_boot (on_worker_boot before Puma 7). " \
              "config.embedded.start_before_fork = :allow consumes in the master"
      end

      # A Mutex can't be had in a signal handler, and starting takes more than one
      def refuse_in_trap
        Mutex.new.synchronize { nil }
      rescue ::ThreadError
        raise Errors::UnsupportedCaseError,
              "Karafka::Embedded.start can't run in a signal handler: call it from a thread, for example " \
              "`trap(:USR2) { Thread.new { Karafka::Embedded.start } }`"
      end
    end
  end
end
