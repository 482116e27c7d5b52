# frozen_string_literal: true

module Karafka
  module Instrumentation
    module Vendors
      # Metrics that are numbers of librdkafka's statistics
      #
      # @api private
      module KafkaMetrics
        # Where a metric comes from: `type` is what the service makes of it (:count, :gauge), `scope` where the number
        # is (:root, :brokers, :topics), `key_location` the keys that lead to it
        Metric = Struct.new(:type, :scope, :name, :key_location) do
          # @param hash [Hash] of its scope
          # @return [Numeric, nil]
          def read(hash)
            hash.dig(*key_location)
          end
        end

        class << self
          # @param metric [Metric]
          # @param event [Core::Monitoring::Event] a `statistics.emitted`
          # @yieldparam value [Numeric]
          # @yieldparam labels [Hash{Symbol => Object}] `:broker`, or `:topic` and `:partition`, and the group
          def each_value(metric, event, &block)
            statistics = event[:statistics]
            group = { consumer_group: event[:consumer_group_id] }
            case metric.scope
            when :root then tell(metric, statistics, group, &block)
            when :brokers then each_broker(metric, statistics, group, &block)
            when :topics then each_partition(metric, statistics, group, &block)
            else raise ArgumentError, "#{metric.scope} is none of :root, :brokers, :topics"
            end
          end

          # @param event [Core::Monitoring::Event] a `statistics.emitted`
          # @yieldparam lag [Integer] of all partitions that have one
          # @yieldparam labels [Hash{Symbol => Object}]
          def each_topic_lag(event)
            event[:statistics].fetch("topics", {}).each do |topic, values|
              lags = ours(values).map { |_, partition| partition["consumer_lag_stored"] }
              yield(lags.sum, { topic: topic, consumer_group: event[:consumer_group_id] })
            end
          end

          private

          # librdkafka's own queues have negative ids
          def each_broker(metric, statistics, group, &block)
            statistics.fetch("brokers", {}).each_value do |broker|
              next if broker["nodeid"].to_i.negative?

              tell(metric, broker, group.merge(broker: broker["nodename"]), &block)
            end
          end

          def each_partition(metric, statistics, group, &block)
            statistics.fetch("topics", {}).each do |topic, values|
              ours(values).each do |number, partition|
                tell(metric, partition, group.merge(topic: topic, partition: number), &block)
              end
            end
          end

          # What is fetched here, and was marked once: a lag of -1 is none
          def ours(topic)
            topic.fetch("partitions", {}).reject do |number, partition|
              number == "-1" || %w[stopped none].include?(partition["fetch_state"]) ||
                partition.fetch("consumer_lag_stored", -1) == -1
            end
          end

          def tell(metric, hash, labels)
            value = metric.read(hash)
            yield(value, labels) if value
          end
        end
      end
    end
  end
end
