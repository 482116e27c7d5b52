# frozen_string_literal: true

module WaterDrop
  module Instrumentation
    # The monitor of a producer: `producer.monitor`
    class Monitor < Karafka::Core::Monitoring::Monitor
      # @param notifications_bus [Karafka::Core::Monitoring::Notifications] where events go
      # @param namespace [String, nil] suffix that the bus knows the events with
      def initialize(notifications_bus = Notifications.new, namespace = nil)
        super
      end
    end
  end
end
