# frozen_string_literal: true

module Karafka
  module Processing
    # Where a seek goes: users name offsets, times and ends, the engine takes offsets.
    #
    # @api private
    module SeekTarget
      # librdkafka's numbers for the ends of a partition
      ENDS = { "earliest" => -2, "latest" => -1 }.freeze
      # How long the broker may look for a time, in ms
      ANSWER_MS = 10_000
      private_constant :ENDS, :ANSWER_MS

      class << self
        # @param target [Integer, Time, Symbol, String]
        # @param coordinator [Native::Partition] the partition it is about
        # @return [Integer]
        # @raise [Errors::InvalidTimeBasedOffsetError] when there is no message of that time or later
        # @raise [ArgumentError] for what is none of these
        def resolve(target, coordinator)
          case target
          when Integer then target
          when Time then at_time(target, coordinator)
          else
            ENDS.fetch(target.to_s) do
              raise ArgumentError, "#{target.inspect} is no offset: an Integer, a Time, :earliest or :latest is"
            end
          end
        end

        private

        def at_time(time, coordinator)
          milliseconds = (time.to_r * 1_000).floor
          coordinator.offset_for_time(milliseconds, ANSWER_MS) ||
            raise(Errors::InvalidTimeBasedOffsetError, "there is no message of #{time.inspect} or later")
        end
      end
    end
  end
end
