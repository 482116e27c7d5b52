# frozen_string_literal: true

module Karafka
  module Setup
    # Tells which librdkafka properties a consumer takes and which a producer takes, so that one `config.kafka` serves
    # both: a client gets only what is its own, and does not warn about the rest.
    module AttributesMap
      # Names a consumer accepts
      CONSUMER = KafkaProperties.names("C").freeze
      # Names a producer accepts
      PRODUCER = KafkaProperties.names("P").freeze

      class << self
        # @param kafka_settings [Hash{Symbol => Object}] any kafka scope
        # @return [Hash{Symbol => Object}] what a consumer takes of it
        def consumer(kafka_settings)
          kafka_settings.slice(*CONSUMER)
        end

        # @param kafka_settings [Hash{Symbol => Object}] any kafka scope
        # @return [Hash{Symbol => Object}] what a producer takes of it
        def producer(kafka_settings)
          kafka_settings.slice(*PRODUCER)
        end
      end
    end
  end
end
