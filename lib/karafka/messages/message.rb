# frozen_string_literal: true

module Karafka
  module Messages
    # A message, read when asked.
    #
    # One that was consumed is made by the engine, which does not call `initialize`: it knows its native batch, whose
    # `origin` is what all of its messages share, and where it is in there. One that is built from a payload and
    # metadata has those. What either keeps is kept natively, by its superclass, and not in instance variables.
    class Message < Native::Message
      PARSER = Parser.new
      private_constant :PARSER

      # @!method raw_payload
      #   @return [String, nil] payload as bytes, nil for a tombstone
      # @!method raw_payload=(bytes)
      #   @param bytes [String, nil] payload in the place of the one that was consumed
      # @!method offset
      #   @return [Integer]
      # @!method deserialized?
      #   @return [Boolean] was the payload deserialized

      # @param raw_payload [String, nil]
      # @param metadata [Metadata]
      def initialize(raw_payload, metadata)
        super()
        self.raw_payload = raw_payload
        self.native_metadata = metadata
      end

      # A copy has what the original had, and goes its own way
      # @param original [Message]
      # @api private
      def initialize_copy(original)
        super
        self.raw_payload = original.raw_payload
        self.native_metadata = original.metadata if original.__send__(:shared)
        self.native_payload = original.payload if original.deserialized?
      end

      # @return [Object] payload, deserialized at the first call
      # @raise [StandardError] whatever the deserializer raises, at each call until it succeeds
      def payload
        deserialized? ? native_payload : self.native_payload = deserialize
      end

      # @return [Boolean] does it say that its key is gone: a key and no payload
      def tombstone?
        !raw_key.nil? && raw_payload.nil?
      end

      # @return [Time, nil] nil when the broker does not know
      def timestamp
        return native_metadata.timestamp if native_metadata

        milliseconds = native_batch.timestamp_ms(offset)
        milliseconds.negative? ? nil : Time.at(0, milliseconds, :millisecond)
      end

      # @return [String, nil] key as bytes
      def raw_key
        native_metadata ? native_metadata.raw_key : native_batch.raw_key(offset)
      end

      # @return [Hash{String => String, Array<String>}] frozen; a header that is repeated has an Array
      def raw_headers
        native_metadata ? native_metadata.raw_headers : native_batch.raw_headers(offset)
      end

      # @return [String] name of the topic
      def topic
        shared.topic
      end

      # @return [Integer]
      def partition
        shared.partition
      end

      # @return [Time] when it arrived in this process
      def received_at
        shared.received_at
      end

      # @return [Routing::Features::Deserializers::Config]
      def deserializers
        shared.deserializers
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
        native_metadata || self.native_metadata = Metadata.new(
          message: self, timestamp: timestamp, offset: offset, deserializers: deserializers, partition: partition,
          received_at: received_at, topic: topic, raw_headers: raw_headers, raw_key: raw_key
        )
      end

      # @return [String] without payload and key: they are the application's business
      def inspect
        "#<#{self.class} topic=#{topic} partition=#{partition} offset=#{offset}>"
      end

      private

      # Metadata are what counts from when they are there. One that was built without any has nothing.
      def shared
        native_metadata || native_batch&.origin
      end

      def deserialize
        PARSER.call(self)
      end
    end
  end
end
