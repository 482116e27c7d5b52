# frozen_string_literal: true

module Karafka
  module Messages
    # A batch of messages of one partition, in order. Frozen; what it reads lazily is kept beside it.
    class Messages
      include Enumerable

      # @param messages [Array<Message>, Origin]
      # @param metadata [BatchMetadata, nil] nil when the messages come with their own
      def initialize(messages, metadata = nil)
        @messages = messages
        @metadata = metadata
      end

      # @yieldparam message [Message]
      def each(&block)
        @messages.to_ary.each(&block)
      end

      # @return [Array<Message>] the list itself
      def raw
        @messages.to_ary
      end

      # @return [Array<Message>] a copy
      def to_a
        @messages.to_ary.dup
      end

      # @return [Message, nil]
      def first
        @messages.first
      end

      # @return [Message, nil]
      def last
        @messages.last
      end

      # @return [Integer]
      def size
        @messages.size
      end

      alias count size

      # @return [Boolean]
      def empty?
        @messages.empty?
      end

      # @return [BatchMetadata]
      def metadata
        @metadata || @messages.metadata
      end

      # Deserializes all payloads at once
      # @return [Array<Message>]
      def deserialize!
        each(&:payload)
      end

      # @return [Array<Object>] payloads, deserialized
      def payloads
        map(&:payload)
      end

      # @return [Array<String, nil>] payloads as bytes
      def raw_payloads
        map(&:raw_payload)
      end

      # A worker begins with the batch
      # @api private
      def process
        return @messages.process unless @metadata

        @metadata.processed_at = Time.now
        @metadata.freeze
      end

      # @return [String] without payloads
      def inspect
        "#<#{self.class} size=#{size}>"
      end
    end
  end
end
