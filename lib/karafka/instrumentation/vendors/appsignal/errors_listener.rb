# frozen_string_literal: true

require_relative "base"

module Karafka
  module Instrumentation
    module Vendors
      module Appsignal
        # Tells AppSignal of all errors.
        # @example
        #   require "karafka/instrumentation/vendors/appsignal/errors_listener"
        #
        #   Karafka.monitor.subscribe(Karafka::Instrumentation::Vendors::Appsignal::ErrorsListener.new)
        class ErrorsListener < Base
          # {Client}, or what has `report_error`
          setting :client, constructor: -> { Client.new }

          # @param event [Core::Monitoring::Event]
          def on_error_occurred(event)
            client.report_error(event[:error])
          end
        end
      end
    end
  end
end
