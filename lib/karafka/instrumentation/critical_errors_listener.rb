# frozen_string_literal: true

require "singleton"

module Karafka
  module Instrumentation
    # Errors that say the process should end (an `exit` in a consumer, a signal, no memory) stop the engine. The batch
    # that met one was not marked, so it is delivered again after the restart. The process is its host's and goes on:
    # health says why nothing is consumed, and that a new process would be better.
    #
    # @api private
    class CriticalErrorsListener
      include Singleton

      # What is critical
      ERRORS = [SystemExit, SignalException, NoMemoryError].freeze
      # Only where user code runs
      TYPES = %w[consumer.consume.error consumer.after_consume.error].freeze
      private_constant :ERRORS, :TYPES

      class << self
        # @param error [Exception, nil]
        # @return [Boolean] does it say that the process should end
        def critical?(error)
          ERRORS.any? { |critical| error.is_a?(critical) }
        end
      end

      def initialize
        @mutex = Mutex.new
      end

      # Stops in a thread of its own: the worker that met the error has to finish its job first. Nothing else is begun
      # from here on, or the batch might come again before that thread does.
      # @param event [Core::Monitoring::Event]
      def on_error_occurred(event)
        return unless TYPES.include?(event[:type]) && self.class.critical?(event[:error])

        @mutex.synchronize do
          next if @thread&.alive?

          end_work(event[:error])
          @thread = Thread.new { Server.stop }
          @thread.name = "karafka.critical_shutdown"
        end
      end

      private

      def end_work(error)
        return unless (runtime = Embedded.runtime)

        runtime.incidents.note(Embedded::Crash.new(error, cause: :critical))
        runtime.quiet
      end
    end
  end
end
