# frozen_string_literal: true

module Karafka
  module Processing
    module Jobs
      # A batch for a consumer
      class Consume < Base
        self.action = :consume

        # @return [Exception, nil] what the consumer raised
        attr_reader :failure

        # @api private
        def schedule
          executor.prepare_consume(self)
        end

        # @api private
        def call
          executor.consume
        end

        # The consumer is given the batch
        # @api private
        def begun!
          @begun = true
        end

        # The consumer is done with the batch
        # @api private
        def success!
          @succeeded = true
        end

        # The consumer raised
        # @param error [Exception]
        # @api private
        def failure!(error)
          @succeeded = false
          @failure = error
        end

        # @return [Boolean] did the consumer raise
        # @api private
        def failed?
          !@failure.nil?
        end

        # @return [Boolean] did the consumer come to an end, whichever
        # @api private
        def ended?
          @succeeded || failed?
        end

        # Did the consumer raise what is to end the process, as `exit` does
        # @return [Boolean]
        # @api private
        def critical?
          Instrumentation::CriticalErrorsListener.critical?(@failure)
        end

        # Has the batch delivered again
        # @return [Integer, nil] ms until then, nil when the engine knows already
        # @api private
        def fail
          acknowledge_once { lease.fail }
        end

        # Has the partition go on behind a message that was given up
        # @param offset [Integer] of the next message
        # @return [Integer, nil] ms until then, nil when the engine knows already
        # @api private
        def dead_letter(offset)
          acknowledge_once { lease.dead_letter(offset) }
        end

        # A batch that was never given to the consumer (a `wrap` that does not yield, a subscriber that raises) was not
        # consumed, and nothing of it is known to be bad.
        # @api private
        def acknowledge
          return super if @succeeded

          @begun ? self.fail : acknowledge_once { lease.postpone }
        end
      end
    end
  end
end
