# frozen_string_literal: true

module Karafka
  module Messages
    # Turns the bytes of a message into its payload
    class Parser
      # @param message [Message]
      # @return [Object] the payload
      def call(message)
        message.deserializers.payload.call(message)
      end
    end
  end
end
