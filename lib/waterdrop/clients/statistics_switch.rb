# frozen_string_literal: true

module WaterDrop
  module Clients
    # librdkafka's statistics cost time in each interval: a producer that connects while nobody listens does without,
    # and says so to who subscribes later.
    #
    # @api private
    class StatisticsSwitch
      EVENT = "statistics.emitted"
      INTERVAL = :"statistics.interval.ms"
      private_constant :EVENT, :INTERVAL

      # @param config [Karafka::Core::Configurable::Node] settings of the producer
      def initialize(config)
        @config = config
      end

      # @return [Hash{String => String}] settings for librdkafka
      def kafka
        settings = Karafka::Setup::AttributesMap.producer(@config.kafka).compact
        unless listened_to?
          settings = settings.merge(INTERVAL => 0)
          refuse_listeners
        end
        settings.to_h { |name, value| [name.to_s, value.to_s] }
      end

      private

      def listened_to?
        monitor = @config.monitor
        !monitor.respond_to?(:subscribed?) || monitor.subscribed?(EVENT)
      end

      def refuse_listeners
        bus = @config.monitor.notifications_bus
        bus.freeze_statistics_listeners! if bus.respond_to?(:freeze_statistics_listeners!)
      end
    end
  end
end
