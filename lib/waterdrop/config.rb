# frozen_string_literal: true

require "logger"
require "securerandom"

module WaterDrop
  # The settings of a producer
  class Config
    include Karafka::Core::Configurable

    # What a client starts with
    KAFKA_DEFAULTS = {
      "client.id": "waterdrop",
      "statistics.interval.ms": 5_000,
      "message.timeout.ms": 150_000,
      "transaction.timeout.ms": 165_000,
      "socket.nagle.disable": true
    }.freeze
    private_constant :KAFKA_DEFAULTS

    setting :id, constructor: -> { "waterdrop-#{SecureRandom.hex(6)}" }
    setting :logger, constructor: -> { ::Logger.new($stdout, level: ::Logger::WARN) }
    setting :monitor, constructor: -> { Instrumentation::Monitor.new }
    # Bytes
    setting :max_payload_size, default: 1_000_012
    # ms to wait for a broker's answer
    setting :max_wait_timeout, default: 180_000
    # Wait when too much is on its way, or raise
    setting :wait_on_queue_full, default: true
    # ms between two tries then
    setting :wait_backoff_on_queue_full, default: 100
    # ms of trying
    setting :wait_timeout_on_queue_full, default: 10_000
    setting :instrument_on_wait_queue_full, default: true
    # false: nothing is sent
    setting :deliver, default: true
    setting :client_class, constructor: -> { Clients::Rdkafka }
    setting :kafka, default: {}
    setting :middleware, constructor: -> { Middleware.new }
    # Kept so that configurations that set it load: the engine is told of deliveries, it need not poll for them
    setting(:polling) do
      setting :mode, default: :fd
      setting :poller, default: nil
      setting(:fd) do
        setting :max_time, default: 100
        setting :periodic_poll_interval, default: 1_000
      end
    end
    setting(:oauth) { setting :token_provider_listener, default: false }

    # @yieldparam config [Karafka::Core::Configurable::Node]
    # @return [Karafka::Core::Configurable::Node] checked settings
    # @raise [Errors::ConfigurationInvalidError]
    def setup(&block)
      configure(&block)
      config.kafka = KAFKA_DEFAULTS.merge(config.kafka) if config.kafka.is_a?(Hash) && !config.kafka.empty?
      Contracts::Config.new.validate!(config.to_h, Errors::ConfigurationInvalidError)
      listener = config.oauth.token_provider_listener
      config.monitor.subscribe(listener) if listener
      config
    end
  end
end
