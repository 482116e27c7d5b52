# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # The consumer marks messages itself; a batch that succeeds marks nothing
      class ManualOffsetManagement < Base
        Config = Struct.new(:active, keyword_init: true) do
          alias_method :active?, :active
        end

        # @!visibility private
        module Topic
          # @param active [Boolean] the first call decides
          # @return [Config]
          def manual_offset_management(active = false) # rubocop:disable Style/OptionalBooleanParameter -- the DSL's own form
            @manual_offset_management ||= Config.new(active: active)
          end

          # @return [Boolean]
          def manual_offset_management?
            manual_offset_management.active?
          end

          # @return [Hash]
          def to_h
            super.merge(manual_offset_management: manual_offset_management.to_h).freeze
          end
        end
      end
    end
  end
end
