# frozen_string_literal: true

require_relative "taggable/tags"

module Karafka
  module Core
    # Gives an object tags
    module Taggable
      # @return [Tags]
      def tags
        @tags ||= Tags.new
      end
    end
  end
end
