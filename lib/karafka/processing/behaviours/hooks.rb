# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # What the engine calls. These methods are looked up at each call: applications and tools override them, and call
      # super.
      module Hooks
        # A batch, from before the consumer has it to after it is done with it. The hooks are private: called from here
        # they take a third of what each takes by `__send__`.
        # @api private
        def karafka_consume
          on_before_consume
          on_consume
          on_after_consume
        end

        private

        def on_initialized
          karafka_instrument("consumer.initialize", "consumer.initialized") { initialized }
        rescue Exception => e # rubocop:disable Lint/RescueException -- whatever user code raises must not end the worker
          karafka_report("consumer.initialized.error", e)
        end

        def on_before_schedule_consume
          @used = true
          Karafka.monitor.instrument("consumer.before_schedule_consume", karafka_event)
        end

        def on_before_schedule_eofed
          Karafka.monitor.instrument("consumer.before_schedule_eofed", karafka_event)
        end

        # While the hook runs the partition is leaving, whatever its marks are still good for
        def on_before_schedule_revoked
          @karafka_revoked = true
          Karafka.monitor.instrument("consumer.before_schedule_revoked", karafka_event)
        end

        def on_before_schedule_shutdown
          Karafka.monitor.instrument("consumer.before_schedule_shutdown", karafka_event)
        end

        def on_wrap(action, &block)
          karafka_instrument("consumer.wrap", "consumer.wrapped") { wrap(action, &block) }
          karafka_report_unfinished if action == :consume && !karafka_job.ended?
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.wrap.error", e)
        end

        def on_before_consume
          messages.process
        end

        def on_consume
          karafka_job.begun!
          karafka_instrument("consumer.consume", "consumer.consumed") { consume }
          karafka_job.success!
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_job.failure!(e)
          karafka_report("consumer.consume.error", e, seek_offset: seek_offset)
        end

        def on_after_consume
          karafka_recover if karafka_job.failed?
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_job.failure!(e)
          karafka_report("consumer.after_consume.error", e, seek_offset: seek_offset)
          retry_after_pause
        end

        def on_eofed
          karafka_instrument("consumer.eof", "consumer.eofed") { eofed }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.eofed.error", e, seek_offset: seek_offset)
        end

        def on_revoked
          karafka_instrument("consumer.revoke", "consumer.revoked") { revoked }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.revoked.error", e)
        end

        def on_shutdown
          karafka_instrument("consumer.shutting_down", "consumer.shutdown") { shutdown }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.shutdown.error", e)
        end

        # What a failed batch needs
        def karafka_recover
          retry_after_pause
        end

        # A `wrap` that does not yield, or that catches what the work throws: nothing else would tell of it
        def karafka_report_unfinished
          error = Embedded::EngineError.new(
            "#{self.class}#wrap returned before `consume` had ended: the batch of #{topic.name}/#{partition} from " \
            "offset #{messages.first.offset} on is delivered again"
          )
          karafka_report("consumer.wrap.error", error)
        end

        def karafka_report(type, error, **details)
          Instrumentation::ErrorReport.call(type: type, error: error, caller: self, **details)
        end

        # Tells that something begins, and when it has ended without raising, how long it took
        def karafka_instrument(beginning, ending, &block)
          monitor = Karafka.monitor
          event = karafka_event
          monitor.instrument(beginning, event)
          monitor.instrument(ending, event, &block)
        end

        # The payload of most events; made once, since there are several for each batch
        def karafka_event
          @karafka_event ||= { caller: self }.freeze
        end
      end
    end
  end
end
