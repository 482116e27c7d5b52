# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # The consumer can read the statistics of its partition
      class InlineInsights < Base
        Config = Struct.new(:active, keyword_init: true) do
          alias_method :active?, :active
        end

        # @!visibility private
        module Topic
          # @param active [Boolean] the first call decides
          # @return [Config]
          def inline_insights(active = false) # rubocop:disable Style/OptionalBooleanParameter -- the DSL's own form
            @inline_insights ||= Config.new(active: active)
          end

          # @return [Boolean]
          def inline_insights?
            inline_insights.active?
          end

          # @return [Hash]
          def to_h
            super.merge(inline_insights: inline_insights.to_h).freeze
          end
        end
      end
    end
  end
end
