# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # The consumer is told when it has read a partition to its end
      class Eofed < Base
        Config = Struct.new(:active, keyword_init: true) do
          alias_method :active?, :active
        end

        # @!visibility private
        module Topic
          # @param active [Boolean] the first call decides
          # @return [Config]
          def eofed(active = false) # rubocop:disable Style/OptionalBooleanParameter -- the DSL's own form
            @eofed ||= Config.new(active: active)
          end

          # @return [Boolean]
          def eofed?
            eofed.active?
          end

          # @return [Hash]
          def to_h
            super.merge(eofed: eofed.to_h).freeze
          end
        end
      end
    end
  end
end
