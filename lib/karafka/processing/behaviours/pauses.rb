# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # Leaving a partition alone for a while
      module Pauses
        private

        # Has nothing delivered for a while. A batch that is paused does not mark itself.
        # @param offset [Integer, Symbol] where to go on, or `:consecutive` to go on behind what was delivered
        # @param timeout [Integer, nil] ms; nil for the time that an error would cost
        # @param manual_pause [Boolean] what the event says about who paused
        # @example Wait for a service to come back
        #   messages.each do |message|
        #     return pause(message.offset, 30_000) unless service.up?
        #     service.call(message.payload)
        #     mark_as_consumed(message)
        #   end
        def pause(offset, timeout = nil, manual_pause = true) # rubocop:disable Style/OptionalBooleanParameter -- the framework's own form
          offset = nil if offset == :consecutive
          timeout ||= topic.pause.backoff(attempt)
          coordinator.pause(offset, timeout)
          karafka_tell_pause(offset, timeout, attempt, manual_pause)
        end

        # Ends a pause early
        def resume
          coordinator.resume
        end

        # The engine waits and delivers the rest of the batch again. A partition that went meanwhile is another's to
        # retry.
        def retry_after_pause
          attempt = self.attempt
          offset = seek_offset
          timeout = karafka_job.fail
          return if timeout.nil? || revoked?

          karafka_tell_pause(offset, timeout, attempt, false)
          Karafka.monitor.instrument(
            "consumer.consuming.retry",
            caller: self, topic: topic.name, partition: partition, offset: offset, timeout: timeout, attempt: attempt
          )
        end

        def karafka_tell_pause(offset, timeout, attempt, manual)
          Karafka.monitor.instrument(
            "consumer.consuming.pause",
            caller: self, manual: manual, topic: topic.name, partition: partition,
            subscription_group: topic.subscription_group, offset: offset, timeout: timeout, attempt: attempt
          )
        end
      end
    end
  end
end
