# frozen_string_literal: true

module Karafka
  module Deserializers
    # The headers as they are
    class Headers
      # @param metadata [Messages::Metadata]
      # @return [Hash{String => String, Array<String>}]
      def call(metadata)
        metadata.raw_headers
      end
    end
  end
end
