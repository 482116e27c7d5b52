# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # What turns payloads, keys and headers into objects
      class Deserializers < Base
        Config = Struct.new(:active, :payload, :key, :headers, keyword_init: true) do
          alias_method :active?, :active
        end

        # @!visibility private
        module Topic
          # The first call decides about all three.
          # @param payload [#call, nil] gets the message; nil for JSON
          # @param key [#call, nil] gets the metadata; nil for the bytes
          # @param headers [#call, nil] gets the metadata; nil for the Strings
          # @return [Config]
          def deserializers(payload: nil, key: nil, headers: nil)
            @deserializers ||= Config.new(
              active: true,
              payload: payload || Karafka::Deserializers::Payload.new,
              key: key || Karafka::Deserializers::Key.new,
              headers: headers || Karafka::Deserializers::Headers.new
            )
          end

          # @return [Boolean]
          def deserializers?
            true
          end

          # @param payload [#call] gets the message
          # @return [Config]
          def deserializer(payload)
            deserializers(payload: payload)
          end

          # @return [Hash]
          def to_h
            super.merge(deserializers: deserializers.to_h).freeze
          end
        end
      end
    end
  end
end
