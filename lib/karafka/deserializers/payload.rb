# frozen_string_literal: true

require "json"

module Karafka
  module Deserializers
    # JSON
    class Payload
      # @param message [Messages::Message]
      # @return [Object, nil] nil for a message without payload
      # @raise [JSON::ParserError]
      def call(message)
        payload = message.raw_payload
        payload && JSON.parse(payload)
      end
    end
  end
end
