# frozen_string_literal: true

require "singleton"

module Karafka
  module Instrumentation
    # Knows what this process is assigned, from the rebalance events. Feeds `Karafka::App.assignments`.
    class AssignmentsTracker
      include Singleton

      class << self
        # @see #current
        def current
          instance.current
        end

        # @see #generations
        def generations
          instance.generations
        end

        # @see #generation
        def generation(topic, partition)
          instance.generation(topic, partition)
        end
      end

      def initialize
        @mutex = Mutex.new
        clear
      end

      # @return [Hash{Routing::Topic => Array<Integer>}] frozen; partitions ascending
      def current
        @mutex.synchronize do
          @assignments.reject { |_, partitions| partitions.empty? }
                      .transform_values { |partitions| partitions.sort.freeze }
                      .freeze
        end
      end

      # @return [Hash{Routing::Topic => Hash{Integer => Integer}}] how many times each partition was assigned so far
      def generations
        @mutex.synchronize { @generations.transform_values { |partitions| partitions.dup.freeze }.freeze }
      end

      # @param topic [Routing::Topic]
      # @param partition [Integer]
      # @return [Integer] how many times it was assigned so far, 0 for never
      def generation(topic, partition)
        @mutex.synchronize { @generations.dig(topic, partition) || 0 }
      end

      # Forgets everything, as when the engine starts again
      def clear
        @mutex.synchronize { forget }
      end

      # @param event [Core::Monitoring::Event]
      def on_rebalance_partitions_assigned(event)
        @mutex.synchronize do
          each_partition(event) do |topic, partition|
            (@assignments[topic] ||= []) << partition unless @assignments[topic]&.include?(partition)
            counts = (@generations[topic] ||= {})
            counts[partition] = counts.fetch(partition, 0) + 1
          end
        end
      end

      # @param event [Core::Monitoring::Event]
      def on_rebalance_partitions_revoked(event)
        @mutex.synchronize do
          each_partition(event) { |topic, partition| @assignments[topic]&.delete(partition) }
        end
      end

      # A client that is built anew has nothing until it is assigned again
      # @param event [Core::Monitoring::Event]
      def on_client_reset(event)
        @mutex.synchronize { drop(event[:subscription_group]) }
      end

      # A lost assignment is noticed here before its revocation is delivered
      # @param event [Core::Monitoring::Event]
      def on_client_events_poll(event)
        client = event[:caller]
        return unless client.respond_to?(:assignment_lost?) && client.assignment_lost?

        @mutex.synchronize { drop(event[:subscription_group]) }
      end

      # @param _event [Core::Monitoring::Event]
      def on_app_stopped(_event)
        @mutex.synchronize { @assignments = {} }
      end

      # @return [String]
      def inspect
        list = current.map { |topic, partitions| "#{topic.name}=#{partitions}" }
        "#<#{self.class} #{list.join(", ")}>"
      end

      private

      def forget
        @assignments = {}
        @generations = {}
      end

      def drop(subscription_group)
        @assignments.delete_if { |topic, _| topic.subscription_group.id == subscription_group.id }
      end

      def each_partition(event)
        topics = event[:subscription_group].topics
        event[:tpl].to_h.each do |name, partitions|
          topic = topics.find(name)
          partitions&.each { |partition| yield(topic, partition.partition) }
        end
      end
    end
  end
end
