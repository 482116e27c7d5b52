# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # `active false` keeps the definition of a topic without consuming it
      class Activable < Base
        Config = Struct.new(:active, keyword_init: true) do
          alias_method :active?, :active
        end

        # @!visibility private
        module Topic
          # @param active [Boolean] the first call decides
          def active(active = true) # rubocop:disable Style/OptionalBooleanParameter -- the DSL's own form
            @active ||= Config.new(active: active)
          end

          # @return [Boolean] is it consumed
          def active?
            active.active?
          end

          # @return [Hash]
          def to_h
            super.merge(active: active?).freeze
          end
        end
      end
    end
  end
end
