# frozen_string_literal: true

require_relative "embedded/version"
require_relative "embedded/engine_error"
require_relative "embedded/stop_report"
require_relative "embedded/wait"
require_relative "embedded/listener"
require_relative "embedded/worker"
require_relative "embedded/worker_pool"
require_relative "embedded/jobs_queue"
require_relative "embedded/event_dispatcher"
require_relative "embedded/consumer_check"
require_relative "embedded/runtime"

module Karafka
  # Consumers inside the process that calls {start}: a web server, a job processor, a script, a spec.
  #
  # They run in the background on threads of their own. The host keeps its signals and its shutdown; its hooks call
  # {quiet} and {stop}, which work from a signal handler too. What was stopped can be started again, and a fork starts
  # its own.
  # @example config/puma.rb
  #   on_worker_boot { Karafka::Embedded.start }
  #   on_worker_shutdown { Karafka::Embedded.stop }
  module Embedded
    autoload :Broker, File.expand_path("embedded/broker", __dir__)

    @mutex = Mutex.new

    class << self
      # Starts consuming, and returns without waiting for a broker.
      # @return [Thread, nil] the thread `karafka.embedded`, which hands events to subscribers; nil when it runs already
      # @raise [Errors::InvalidConfigurationError] no active routes, a consumer that can't be found, or a setting that
      #   librdkafka refuses: it is named
      # @raise [Errors::UnsupportedCaseError] in a signal handler
      # @example
      #   Karafka::Embedded.start
      def start
        refuse_in_trap
        @mutex.synchronize do
          return if runtime&.live?

          runtime = Runtime.new
          runtime.start
          @runtime = runtime
          runtime.thread
        end
      end

      # Takes no new work. What runs ends, partitions are kept, until {stop}. Returns at once; may be repeated; works in
      # a signal handler.
      # @return [nil]
      def quiet
        runtime&.quiet
        nil
      end

      # Lets running work end, commits, leaves the groups and closes everything. Returns at its deadline at the latest,
      # with what it had to leave. May be repeated, and called by several threads: all get the same report. Works in a
      # signal handler. Called by a consumer it only begins, since it would wait for itself.
      # @param timeout [Integer, nil] longest wait for running work in milliseconds; nil: `shutdown_timeout`
      # @return [StopReport, nil] nil when nothing was started, or when a consumer calls it
      # @example
      #   report = Karafka::Embedded.stop(timeout: 20_000)
      #   report.clean? # => true
      def stop(timeout: nil)
        runtime&.stop(timeout || App.config.shutdown_timeout)
      end

      # {stop}, then {start}
      # @param timeout [Integer, nil] as in {stop}
      # @return [Thread] as from {start}
      def restart(timeout: nil)
        stop(timeout: timeout)
        start
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

      # @return [Hash{Symbol => Object}] how it is: `:state`, `:healthy`, `:process_id`, `:workers`, `:groups` (each
      #   with `:connected`, `:assigned`, `:lag`, `:running`, `:last_error`, …), `:reasons` (why it is not healthy)
      def health
        runtime ? runtime.health : { state: :stopped, healthy: false, process_id: ::Process.pid, reasons: ["stopped"] }
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

      private

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
