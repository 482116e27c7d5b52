# frozen_string_literal: true

module Karafka
  module Deserializers
    # The key as it is
    class Key
      # @param metadata [Messages::Metadata]
      # @return [String, nil]
      def call(metadata)
        metadata.raw_key
      end
    end
  end
end
