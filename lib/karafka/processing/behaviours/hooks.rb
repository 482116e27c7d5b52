# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # What the engine calls. These methods are looked up at each call: applications and tools override them, and call
      # super.
      module Hooks
        private

        def on_initialized
          Karafka.monitor.instrument("consumer.initialize", karafka_event)
          Karafka.monitor.instrument("consumer.initialized", karafka_event) { initialized }
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
          Karafka.monitor.instrument("consumer.wrap", karafka_event)
          Karafka.monitor.instrument("consumer.wrapped", karafka_event) { wrap(action, &block) }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.wrap.error", e)
        end

        def on_before_consume
          messages.process
        end

        def on_consume
          Karafka.monitor.instrument("consumer.consume", karafka_event)
          Karafka.monitor.instrument("consumer.consumed", karafka_event) { consume }
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
          Karafka.monitor.instrument("consumer.eof", karafka_event)
          Karafka.monitor.instrument("consumer.eofed", karafka_event) { eofed }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.eofed.error", e, seek_offset: seek_offset)
        end

        def on_revoked
          Karafka.monitor.instrument("consumer.revoke", karafka_event)
          Karafka.monitor.instrument("consumer.revoked", karafka_event) { revoked }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.revoked.error", e)
        end

        def on_shutdown
          Karafka.monitor.instrument("consumer.shutting_down", karafka_event)
          Karafka.monitor.instrument("consumer.shutdown", karafka_event) { shutdown }
        rescue Exception => e # rubocop:disable Lint/RescueException
          karafka_report("consumer.shutdown.error", e)
        end

        # What a failed batch needs
        def karafka_recover
          retry_after_pause
        end

        def karafka_report(type, error, **details)
          Instrumentation::ErrorReport.call(type: type, error: error, caller: self, **details)
        end

        # The payload of most events; made once, since there are several for each batch
        def karafka_event
          @karafka_event ||= { caller: self }.freeze
        end
      end
    end
  end
end
