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
          # @param payload [#call] gets the message
          # @param key [#call] gets the metadata
          # @param headers [#call] gets the metadata
          # @return [Config]
          def deserializers(
            payload: Karafka::Deserializers::Payload.new,
            key: Karafka::Deserializers::Key.new,
            headers: Karafka::Deserializers::Headers.new
          )
            @deserializers || (@deserializers = Config.new(active: true, payload: payload, key: key, headers: headers))
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
