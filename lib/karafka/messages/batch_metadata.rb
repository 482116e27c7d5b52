# frozen_string_literal: true

module Karafka
  module Messages
    # All about a batch but its messages. Frozen once the batch is being consumed.
    # rubocop:disable Lint/StructNewOverride -- the names are the public API
    BatchMetadata = Struct.new(
      :size, :first_offset, :last_offset, :deserializers, :partition, :topic, :created_at, :scheduled_at,
      :processed_at, keyword_init: true
    ) do
      # rubocop:enable Lint/StructNewOverride

      # @return [Integer] ms between the creation of the last message and its being consumed, -1 before
      def consumption_lag
        processed_at ? time_distance_in_ms(processed_at, created_at) : -1
      end

      # @return [Integer] ms between being ready and being consumed, -1 before
      def processing_lag
        processed_at ? time_distance_in_ms(processed_at, scheduled_at) : -1
      end

      private

      def time_distance_in_ms(later, earlier)
        ((later - earlier) * 1_000).round
      end
    end
  end
end
