# frozen_string_literal: true

module Karafka
  module Messages
    module Builders
      # Builds a batch
      module Messages
        class << self
          # @param messages [Array<Messages::Message>]
          # @param topic [Routing::Topic]
          # @param partition [Integer]
          # @param received_at [Time]
          # @return [Messages::Messages]
          def call(messages, topic, partition, received_at)
            metadata = BatchMetadata.call(messages, topic, partition, received_at)
            Karafka::Messages::Messages.new(messages, metadata).freeze
          end
        end
      end
    end
  end
end
