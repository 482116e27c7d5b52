# frozen_string_literal: true

require "securerandom"

module Karafka
  # What runs in this process, for code that was written against the framework's server. Its life is
  # {Karafka::Embedded}'s.
  class Server
    # Stands where the workers of a runtime will be
    NO_WORKERS = Class.new do
      # @return [Integer]
      def size
        0
      end

      # @return [Array]
      def alive
        []
      end

      # @return [Boolean]
      def stopped?
        true
      end

      # There is nothing to scale: a run begins with `concurrency` workers
      # @return [nil]
      def scale(_target); end
    end.new.freeze
    private_constant :NO_WORKERS

    class << self
      # @return [Object] worker pool (`size`, `scale`, `alive`, `stopped?`) of the running engine; size 0 before it runs
      # @api private
      attr_writer :workers
      # @api private
      attr_writer :listeners
      # @return [Object, nil] queue of jobs (`statistics`) of the running engine
      attr_accessor :jobs_queue

      # @return [String] id of this process; another one after a fork
      def id
        pid, id = @identity
        return id if pid == ::Process.pid

        @identity = [::Process.pid, SecureRandom.hex(6)].freeze
        @identity.last
      end

      # @return [ExecutionMode]
      def execution_mode
        @execution_mode ||= ExecutionMode.new(:embedded)
      end

      # @param mode [ExecutionMode, Symbol]
      def execution_mode=(mode)
        @execution_mode = mode.is_a?(ExecutionMode) ? mode : ExecutionMode.new(mode)
      end

      # @return [Object] the workers
      def workers
        @workers || NO_WORKERS
      end

      # @return [Array] a listener for each subscription group (`id`, `subscription_group`, `active?`, …)
      def listeners
        @listeners || []
      end

      # @see Embedded.start
      def start
        Embedded.start
      end

      # Takes no new work
      # @see Embedded.quiet
      def quiet
        Embedded.quiet
      end

      # Blocks until all has ended. Not from within a consumer: it would wait for itself.
      # @see Embedded.stop
      def stop
        Embedded.stop
      end

      # @raise [Errors::UnsupportedOptionError] always: the process belongs to its host
      def run
        raise Errors::UnsupportedOptionError,
              "There is no standalone server here: call Karafka::Embedded.start in the process that should consume."
      end
    end
  end
end
