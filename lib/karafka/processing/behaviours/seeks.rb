# frozen_string_literal: true

require_relative "../seek_target"

module Karafka
  module Processing
    module Behaviours
      # Going on somewhere else
      module Seeks
        private

        # Goes on somewhere else with the next batch
        # @param offset [Integer, Time, Symbol, String] an offset, a time (the first message of then or later),
        #   `:earliest` or `:latest`
        # @param manual_seek [Boolean] what the event says about who seeks
        # @param reset_offset [Boolean] is what was marked so far forgotten, so that the batch does not mark itself and
        #   messages may be marked again
        # @return [Boolean] false when the partition is no longer ours
        # @raise [Errors::InvalidTimeBasedOffsetError] when there is no message of that time or later
        # @example
        #   seek(Time.now - 3_600)
        def seek(offset, manual_seek = true, reset_offset: true) # rubocop:disable Style/OptionalBooleanParameter -- the framework's own form
          place = Messages::Seek.new(topic.name, partition, offset)
          sought = Karafka.monitor.instrument(
            "consumer.consuming.seek",
            caller: self, topic: topic.name, partition: partition, message: place, manual_seek: manual_seek,
            reset_offset: reset_offset
          ) do
            place.offset = SeekTarget.resolve(offset, coordinator)
            coordinator.seek(place.offset)
          end
          coordinator.forget_seek_offset if sought && reset_offset
          sought
        end
      end
    end
  end
end
