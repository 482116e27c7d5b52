# frozen_string_literal: true

module Karafka
  module Instrumentation
    # The monitor of the framework: `Karafka.monitor`
    class Monitor < Core::Monitoring::Monitor
      # @param notifications_bus [Core::Monitoring::Notifications] where events go
      # @param namespace [String, nil] suffix that the bus knows the events with
      def initialize(notifications_bus = Notifications.new, namespace = nil)
        super
      end
    end
  end
end
