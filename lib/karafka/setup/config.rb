# frozen_string_literal: true

module Karafka
  module Setup
    # The settings of the framework, as `Karafka::App.config` and as the argument of the `setup` block
    class Config
      extend Core::Configurable

      # What admin clients set over `config.kafka`
      ADMIN_KAFKA = {
        "enable.partition.eof": true,
        "statistics.interval.ms": 0,
        "fetch.message.max.bytes": 5 * 1_048_576,
        "enable.auto.commit": false,
        "allow.auto.create.topics": false,
        "enable.auto.offset.store": false
      }.freeze
      private_constant :ADMIN_KAFKA

      # Kept readable for code that asks; there is nothing to license here
      setting(:license) do
        setting :token, default: false
        setting :entity, default: ""
      end

      # `client.id` of every consumer
      setting :client_id, default: "karafka"
      setting :logger, constructor: -> { Instrumentation::Logger.new }
      setting :monitor, constructor: -> { Instrumentation::Monitor.new }
      # One consumer instance for as long as its partition is assigned, or a new one for each batch
      setting :consumer_persistence, default: true
      # Where a group without committed offsets begins: "earliest" or "latest"
      setting :initial_offset, default: "earliest"
      # Messages in a batch, at most
      setting :max_messages, default: 100
      # ms to gather messages for a batch. Where nobody sets it, a batch starts with the first message.
      setting :max_wait_time, default: 1_000
      # ms for running work to end when the process stops
      setting :shutdown_timeout, default: 60_000
      # Worker threads
      setting :concurrency, default: 5
      setting :producer, default: nil
      setting :strict_topics_namespacing, default: true
      setting :strict_declarative_topics, default: false
      # Name of the consumer group for topics that name none
      setting :group_id, default: "app"
      # Ruby thread priority of the workers
      setting :worker_thread_priority, default: -1
      # Settings for librdkafka, by their names there
      setting :kafka, default: {}

      # ms a partition waits before a batch that failed is tried again
      setting(:pause) do
        setting :timeout, default: 1_000
        setting :max_timeout, default: 30_000
        setting :with_exponential_backoff, default: true
      end

      setting(:oauth) { setting :token_provider_listener, default: false }

      # Kept so that configurations that set it load
      setting(:swarm) do
        setting :nodes, default: 3
        setting :node, default: false
      end

      # Times in ms
      setting(:admin) do
        setting :kafka, default: ADMIN_KAFKA
        setting :group_id, default: "karafka_admin"
        setting :max_wait_time, default: 60_000
        setting :max_retries_duration, default: 60_000
        setting :retry_backoff, default: 500
        setting :poll_timeout, default: 50
      end

      setting(:embedded) do
        EmbeddedSettings::DEFAULTS.each { |name, default| setting name, default: default }
      end

      # The few internal settings that applications and their tools write or read
      setting(:internal) do
        setting :code, constructor: -> { Embedded::Code.new }
        setting :status, constructor: -> { Status.new }
        setting :process, constructor: -> { Process.new }
        setting(:routing) { setting :builder, constructor: -> { Routing::Builder.new } }
        setting(:declaratives) { setting :builder, constructor: -> { Declaratives::Builder.new } }
        setting(:active_job) do
          # nil stands for the framework's own
          setting :dispatcher, default: nil
          setting :deserializer, default: nil
          setting :consumer_class, default: nil
        end
        setting(:swarm) { setting :node_report_timeout, default: 60_000 }
      end

      class << self
        # Configures the framework; may run many times, each run adds to what was set before
        # @yieldparam config [ConfigProxy]
        # @return [true]
        # @raise [Errors::InvalidConfigurationError] with all that is wrong
        def setup
          proxy = ConfigProxy.new(config)
          yield(proxy) if block_given?
          EmbeddedSettings.apply_environment(config.embedded)

          Contracts::Config.new.validate!(config.to_h, Errors::InvalidConfigurationError, scope: %w[config])

          build_producer unless config.producer
          proxy.producer_initialization_block&.call(config.producer.config)

          Karafka.refresh!
          subscribe_listeners
          config.internal.status.initialized!
          true
        end

        # @param name [Symbol, String] a setting ("pause.timeout" for a nested one)
        # @return [Boolean] did the application set it itself
        def set_by_user?(name) # rubocop:disable Naming/AccessorMethodName -- a question, not a writer
          config.set_by_user?(name)
        end

        private

        def build_producer
          config.assign_default(:producer, DefaultProducer.build(config))
        end

        # A monitor may be replaced between two runs, so what matters is whether this one has them
        def subscribe_listeners
          monitor = config.monitor
          present = monitor.listeners.values.flatten
          wanted = [Instrumentation::CriticalErrorsListener.instance, Instrumentation::AssignmentsTracker.instance]
          wanted << config.oauth.token_provider_listener if config.oauth.token_provider_listener
          wanted.each do |listener|
            monitor.subscribe(listener) unless present.any? { |other| other.equal?(listener) }
          end
        end
      end

      EmbeddedSettings.apply_environment(config.embedded)
    end
  end
end
