# frozen_string_literal: true

module Karafka
  module Messages
    module Builders
      # Builds the metadata of a batch
      module BatchMetadata
        # librdkafka's word for no offset
        INVALID_OFFSET = -1001
        private_constant :INVALID_OFFSET

        class << self
          # @param messages [Array<Messages::Message>]
          # @param topic [Routing::Topic]
          # @param partition [Integer]
          # @param scheduled_at [Time]
          # @return [Messages::BatchMetadata]
          def call(messages, topic, partition, scheduled_at)
            Karafka::Messages::BatchMetadata.new(
              size: messages.size,
              first_offset: messages.first&.offset || INVALID_OFFSET,
              last_offset: messages.last&.offset || INVALID_OFFSET,
              deserializers: topic.deserializers,
              partition: partition,
              topic: topic.name,
              created_at: created_at(messages.last),
              scheduled_at: scheduled_at,
              processed_at: nil
            )
          end

          private

          # The clock of who produced may be ahead of ours
          def created_at(message)
            [message&.timestamp, Time.now].compact.min
          end
        end
      end
    end
  end
end
