# frozen_string_literal: true

module Karafka
  module Setup
    # Builds the producer of an application that sets none
    #
    # @api private
    module DefaultProducer
      # What makes a topic created a moment ago usable in development
      DEVELOPMENT_KAFKA = {
        "allow.auto.create.topics": "true",
        "topic.metadata.refresh.interval.ms": 5_000,
        "socket.nagle.disable": true
      }.freeze
      private_constant :DEVELOPMENT_KAFKA

      class << self
        # @param config [Core::Configurable::Node] settings of the framework
        # @return [WaterDrop::Producer] connects on first use
        def build(config)
          WaterDrop::Producer.new do |producer_config|
            producer_config.kafka = kafka(config.kafka)
            producer_config.logger = config.logger
            listener = config.oauth.token_provider_listener
            producer_config.oauth.token_provider_listener = listener if listener
          end
        end

        private

        def kafka(settings)
          own = AttributesMap.producer(settings.dup)
          Karafka.env.production? ? own : DEVELOPMENT_KAFKA.merge(own)
        end
      end
    end
  end
end
