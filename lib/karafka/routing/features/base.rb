# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # A feature is a subclass with modules named after what they extend; `activate` puts them in front of it.
      # @example
      #   class Owner < Karafka::Routing::Features::Base
      #     module Topic
      #       def owner(name = nil)
      #         @owner ||= name
      #       end
      #     end
      #   end
      #   Owner.activate
      class Base
        # What can be extended
        TARGETS = %i[Topic Topics ConsumerGroup SubscriptionGroup Proxy Builder].freeze
        private_constant :TARGETS

        class << self
          # Makes the feature part of the DSL
          def activate
            TARGETS.each do |target|
              next unless const_defined?(target, false)

              extended = Routing.const_get(target, false)
              extended.prepend(const_get(target, false))
            end
          end
        end
      end
    end
  end
end
