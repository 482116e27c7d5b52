# frozen_string_literal: true

module Karafka
  module Messages
    # A message, read when asked.
    #
    # One that was consumed is two instance variables that the engine sets without calling `initialize`: `@batch` (the
    # native batch, whose `origin` is what all of its messages share) and `@offset`, by which it is found there. One
    # that is built from a payload and metadata has those.
    class Message
      PARSER = Parser.new
      private_constant :PARSER

      # @param raw_payload [String, nil]
      # @param metadata [Metadata]
      def initialize(raw_payload, metadata)
        @raw_payload = raw_payload
        @metadata = metadata
      end

      # Of a whole batch this is called for each message, so it asks for as little as it can: once read, the bytes are
      # an instance variable; before, they are one native call away.
      # @return [String, nil] payload as bytes, nil for a tombstone
      def raw_payload
        @raw_payload ||= @batch&.raw_payload(@offset)
      end

      # @param bytes [String, nil] payload in the place of the one that was consumed
      def raw_payload=(bytes)
        metadata
        @batch = nil
        @raw_payload = bytes
      end

      # @return [Object] payload, deserialized at the first call
      # @raise [StandardError] whatever the deserializer raises, at each call until it succeeds
      def payload
        return @payload if @deserialized

        @payload = deserialize
        @deserialized = true
        @payload
      end

      # @return [Boolean] was the payload deserialized
      def deserialized?
        @deserialized ? true : false
      end

      # @return [Boolean] does it say that its key is gone: a key and no payload
      def tombstone?
        !raw_key.nil? && raw_payload.nil?
      end

      # @return [Integer]
      def offset
        @metadata ? @metadata.offset : @offset
      end

      # @return [Time, nil] nil when the broker does not know
      def timestamp
        return @metadata.timestamp if @metadata

        milliseconds = @batch.timestamp_ms(@offset)
        milliseconds.negative? ? nil : Time.at(0, milliseconds, :millisecond)
      end

      # @return [String, nil] key as bytes
      def raw_key
        @metadata ? @metadata.raw_key : @batch.raw_key(@offset)
      end

      # @return [Hash{String => String, Array<String>}] frozen; a header that is repeated has an Array
      def raw_headers
        @metadata ? @metadata.raw_headers : @batch.raw_headers(@offset)
      end

      # @return [String] name of the topic
      def topic
        @metadata ? @metadata.topic : @batch.origin.topic
      end

      # @return [Integer]
      def partition
        @metadata ? @metadata.partition : @batch.origin.partition
      end

      # @return [Time] when it arrived in this process
      def received_at
        @metadata ? @metadata.received_at : @batch.origin.received_at
      end

      # @return [Routing::Features::Deserializers::Config]
      def deserializers
        @metadata ? @metadata.deserializers : @batch.origin.deserializers
      end

      # @return [Object] key, deserialized at the first call
      def key
        metadata.key
      end

      # @return [Object] headers, deserialized at the first call
      def headers
        metadata.headers
      end

      # @return [Metadata] all of these; made at the first call, and what counts from there on
      def metadata
        @metadata ||= Metadata.new(
          message: self, timestamp: timestamp, offset: offset, deserializers: deserializers, partition: partition,
          received_at: received_at, topic: topic, raw_headers: raw_headers, raw_key: raw_key
        )
      end

      # @return [String] without payload and key: they are the application's business
      def inspect
        "#<#{self.class} topic=#{topic} partition=#{partition} offset=#{offset}>"
      end

      private

      def deserialize
        PARSER.call(self)
      end
    end
  end
end
