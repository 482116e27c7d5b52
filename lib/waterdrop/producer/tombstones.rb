# frozen_string_literal: true

module WaterDrop
  class Producer
    # Messages without a payload, which make a compacted topic forget a key
    module Tombstones
      # @param message [Hash] `topic:`, `key:`, `partition:`, the last two so that the right key is forgotten
      # @return [Rdkafka::Producer::DeliveryReport]
      # @raise [Errors::MessageInvalidError] without one of them
      # @example
      #   producer.tombstone_sync(topic: "profiles", key: "17", partition: 3)
      def tombstone_sync(message)
        produce_sync(tombstone(message))
      end

      # @see #tombstone_sync
      # @return [Rdkafka::Producer::DeliveryHandle]
      def tombstone_async(message)
        produce_async(tombstone(message))
      end

      # @param messages [Array<Hash>] see {#tombstone_sync}
      # @return [Array<Rdkafka::Producer::DeliveryHandle>]
      def tombstone_many_sync(messages)
        produce_many_sync(messages.map { |message| tombstone(message) })
      end

      # @see #tombstone_many_sync
      def tombstone_many_async(messages)
        produce_many_async(messages.map { |message| tombstone(message) })
      end

      private

      def tombstone(message)
        TOMBSTONE.validate!(message, Errors::MessageInvalidError)
        message.merge(payload: nil)
      end

      TOMBSTONE = Contracts::Tombstone.new
      private_constant :TOMBSTONE
    end
  end
end
