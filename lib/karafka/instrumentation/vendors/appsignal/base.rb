# frozen_string_literal: true

require_relative "client"

module Karafka
  module Instrumentation
    module Vendors
      module Appsignal
        # What listeners for AppSignal have in common
        class Base
          include Core::Configurable

          # @yieldparam config [Core::Configurable::Node]
          def initialize(&block)
            configure(&block) if block
          end

          private

          def client
            config.client
          end
        end
      end
    end
  end
end
