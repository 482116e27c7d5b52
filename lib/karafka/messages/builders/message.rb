# frozen_string_literal: true

module Karafka
  module Messages
    # Make messages from what is not a native batch
    module Builders
      # Builds a message
      module Message
        class << self
          # @param kafka_message [#payload, #key, #headers, #offset, #timestamp, #partition] what was read
          # @param topic [Routing::Topic]
          # @param received_at [Time]
          # @return [Messages::Message]
          def call(kafka_message, topic, received_at)
            metadata = Karafka::Messages::Metadata.new(
              timestamp: kafka_message.timestamp, offset: kafka_message.offset, deserializers: topic.deserializers,
              partition: kafka_message.partition, received_at: received_at, topic: topic.name,
              raw_headers: kafka_message.headers, raw_key: kafka_message.key
            )
            message = Karafka::Messages::Message.new(kafka_message.payload, metadata)
            metadata.message = message
            message
          end
        end
      end
    end
  end
end
