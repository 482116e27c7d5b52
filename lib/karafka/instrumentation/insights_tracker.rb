# frozen_string_literal: true

require "singleton"

module Karafka
  module Instrumentation
    # Keeps the last statistics of each subscription group, for consumers that ask for those of their partition. It is
    # subscribed where a topic has `inline_insights`, since statistics nobody wants are not made.
    #
    # @api private
    class InsightsTracker
      include Singleton

      NONE = {}.freeze
      private_constant :NONE

      class << self
        # @see #find
        def find(topic, partition)
          instance.find(topic, partition)
        end

        # Has statistics kept for these topics, and forgets what is there
        # @param topics [Enumerable<Routing::Topic>]
        # @param monitor [Core::Monitoring::Monitor]
        def watch(topics, monitor = Karafka.monitor)
          instance.clear
          return if topics.none?(&:inline_insights?)
          return if monitor.listeners.fetch("statistics.emitted").any? { |other| other.equal?(instance) }

          monitor.subscribe(instance)
        end
      end

      def initialize
        clear
      end

      # @param topic [Routing::Topic]
      # @param partition [Integer]
      # @return [Hash{String => Object}] empty where there are none
      def find(topic, partition)
        statistics = @groups[topic.subscription_group.id]
        statistics&.dig("topics", topic.name, "partitions", partition.to_s) || NONE
      end

      # @param event [Core::Monitoring::Event]
      def on_statistics_emitted(event)
        # Replaced as a whole: workers read it without a lock
        @groups = @groups.merge(event[:subscription_group_id] => event[:statistics]).freeze
      end

      # Forgets everything, as when the engine starts again
      def clear
        @groups = NONE
      end
    end
  end
end
