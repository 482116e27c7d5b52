# frozen_string_literal: true

module Karafka
  # The application: its settings, its routes and its state. Subclass it in `karafka.rb`.
  # @example
  #   class KarafkaApp < Karafka::App
  #     setup { |config| config.kafka = { "bootstrap.servers": "127.0.0.1:9092" } }
  #     routes.draw { topic(:orders) { consumer OrdersConsumer } }
  #   end
  class App
    class << self
      # @see Setup::Config.setup
      def setup(&block)
        Setup::Config.setup(&block)
      end

      # @return [Core::Configurable::Node] the settings
      def config
        Setup::Config.config
      end

      # @return [Routing::Builder] consumer groups, as drawn
      def consumer_groups
        config.internal.routing.builder
      end

      alias routes consumer_groups
      alias groups consumer_groups

      # @return [Hash{Routing::ConsumerGroup => Array<Routing::SubscriptionGroup>}] what is active, and only that
      def subscription_groups
        consumer_groups.active.to_h { |group| [group, group.subscription_groups.select(&:active?).map(&:activated)] }
      end

      # @return [Declaratives::Builder] declarations of topics
      def declaratives
        config.internal.declaratives.builder
      end

      # @return [Hash{Routing::Topic => Array<Integer>}] partitions this process is assigned
      def assignments
        Instrumentation::AssignmentsTracker.current
      end

      Status::STATES.each do |state, transition|
        define_method(:"#{state}?") { config.internal.status.public_send(:"#{state}?") }
        define_method(transition) { config.internal.status.public_send(transition) }
      end

      # @return [Boolean] was the end of work begun
      def done?
        config.internal.status.done?
      end

      %i[root env logger producer monitor pro?].each do |name|
        define_method(name) { Karafka.public_send(name) }
      end

      # Logs everything, librdkafka's inner life included
      # @param contexts [String] librdkafka debug contexts ("all" or "cgrp,fetch")
      def debug!(contexts = "all")
        logger.level = ::Logger::DEBUG
        producer.config.logger.level = ::Logger::DEBUG
        config.kafka[:debug] = contexts
        producer.config.kafka[:debug] = contexts
        consumer_groups.each { |group| group.topics.each { |topic| topic.kafka[:debug] = contexts } }
      end

      # Tells who prepares things before a fork
      def warmup
        monitor.instrument("app.before_warmup", caller: self)
      end
    end
  end
end
