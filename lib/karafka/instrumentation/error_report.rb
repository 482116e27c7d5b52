# frozen_string_literal: true

module Karafka
  module Instrumentation
    # The way every error takes to `error.occurred`
    #
    # @api private
    module ErrorReport
      class << self
        # Emits the event. A subscriber that raises is logged, and does not make one failure two.
        # @param type [String] where it happened ("consumer.consume.error")
        # @param error [Exception]
        # @param caller [Object] what it happened to
        # @param details [Hash] what else the event carries
        def call(type:, error:, caller:, **details)
          Karafka.monitor.instrument("error.occurred", caller: caller, error: error, type: type, **details)
        rescue StandardError, ScriptError => e
          log(type, error, e)
        end

        private

        def log(type, error, subscriber_error)
          Karafka.logger.error(
            "A subscriber of error.occurred raised #{subscriber_error.class}: #{subscriber_error.message}, " \
            "while #{type} was reported: #{error.class}: #{error.message}"
          )
        rescue StandardError, ScriptError
          # There is nobody left to tell: the logger itself is broken
          nil
        end
      end
    end
  end
end
