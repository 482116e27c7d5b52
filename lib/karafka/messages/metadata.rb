# frozen_string_literal: true

module Karafka
  module Messages
    # All about a message but its payload
    # rubocop:disable Lint/StructNewOverride -- the names are the public API
    Metadata = Struct.new(
      :message, :timestamp, :offset, :deserializers, :partition, :received_at, :topic, :raw_headers, :raw_key,
      keyword_init: true
    ) do
      # rubocop:enable Lint/StructNewOverride

      # @return [Object] the key, deserialized once
      def key
        return @key if defined?(@key)

        @key = deserializers.key.call(self)
      end

      # @return [Object] the headers, deserialized once
      def headers
        return @headers if defined?(@headers)

        @headers = deserializers.headers.call(self)
      end
    end
  end
end
