# frozen_string_literal: true

require_relative "../kafka_metrics"

module Karafka
  module Instrumentation
    module Vendors
      # What Datadog is told
      module Datadog
        # Sends metrics through a `Datadog::Statsd`, or what has its methods.
        # @example
        #   require "datadog/statsd"
        #   require "karafka/instrumentation/vendors/datadog/metrics_listener"
        #
        #   Karafka.monitor.subscribe(
        #     Karafka::Instrumentation::Vendors::Datadog::MetricsListener.new do |config|
        #       config.client = Datadog::Statsd.new("localhost", 8125)
        #       config.default_tags = ["host:#{Socket.gethostname}"]
        #     end
        #   )
        class MetricsListener
          include Core::Configurable

          # A metric of librdkafka's statistics
          RdKafkaMetric = KafkaMetrics::Metric

          # What comes before each name
          setting :namespace, default: "karafka"
          # `Datadog::Statsd`, or what has `count`, `gauge`, `histogram` and `distribution`
          setting :client
          # Tags of all metrics, as "name:value"
          setting :default_tags, default: []
          # :histogram, computed by the agent, or :distribution, by Datadog
          setting :distribution_mode, default: :histogram
          # What of librdkafka's statistics is sent
          setting :rd_kafka_metrics, default: [
            RdKafkaMetric.new(:count, :root, "messages.consumed", "rxmsgs_d"),
            RdKafkaMetric.new(:count, :root, "messages.consumed.bytes", "rxmsg_bytes_d"),
            RdKafkaMetric.new(:count, :brokers, "consume.attempts", "txretries_d"),
            RdKafkaMetric.new(:count, :brokers, "consume.errors", "txerrs_d"),
            RdKafkaMetric.new(:count, :brokers, "receive.errors", "rxerrs_d"),
            RdKafkaMetric.new(:count, :brokers, "connection.connects", "connects_d"),
            RdKafkaMetric.new(:count, :brokers, "connection.disconnects", "disconnects_d"),
            RdKafkaMetric.new(:gauge, :brokers, "network.latency.avg", %w[rtt avg]),
            RdKafkaMetric.new(:gauge, :brokers, "network.latency.p95", %w[rtt p95]),
            RdKafkaMetric.new(:gauge, :brokers, "network.latency.p99", %w[rtt p99]),
            RdKafkaMetric.new(:gauge, :topics, "consumer.lags", "consumer_lag_stored"),
            RdKafkaMetric.new(:gauge, :topics, "consumer.lags_delta", "consumer_lag_stored_d")
          ].freeze

          # @yieldparam config [Core::Configurable::Node]
          def initialize(&block)
            configure(&block) if block
          end

          # @param event [Core::Monitoring::Event]
          def on_statistics_emitted(event)
            config.rd_kafka_metrics.each do |metric|
              KafkaMetrics.each_value(metric, event) do |value, labels|
                public_send(metric.type, metric.name, value, tags: tags_of(labels))
              end
            end
            KafkaMetrics.each_topic_lag(event) do |lag, labels|
              gauge("consumer.aggregated_lag", lag, tags: tags_of(labels))
            end
          end

          # @param event [Core::Monitoring::Event]
          def on_error_occurred(event)
            caller = event.payload[:caller]
            tags = ["type:#{event[:type]}"]
            tags.concat(consumer_tags(caller)) if caller.is_a?(BaseConsumer) && caller.topic
            count("error_occurred", 1, tags: default_tags + tags)
          end

          # @param event [Core::Monitoring::Event]
          def on_connection_listener_fetch_loop_received(event)
            group = event[:subscription_group].consumer_group.id
            tags = default_tags + ["consumer_group:#{group}"]
            histogram("listener.polling.time_taken", event[:time], tags: tags)
            histogram("listener.polling.messages", event[:messages_buffer].size, tags: tags)
          end

          # @param event [Core::Monitoring::Event]
          def on_consumer_consumed(event)
            consumer = event[:caller]
            metadata = consumer.messages.metadata
            tags = default_tags + consumer_tags(consumer)
            count("consumer.messages", consumer.messages.size, tags: tags)
            count("consumer.batches", 1, tags: tags)
            gauge("consumer.offset", metadata.last_offset, tags: tags)
            histogram("consumer.consumed.time_taken", event[:time], tags: tags)
            histogram("consumer.batch_size", consumer.messages.size, tags: tags)
            histogram("consumer.processing_lag", metadata.processing_lag, tags: tags)
            histogram("consumer.consumption_lag", metadata.consumption_lag, tags: tags)
          end

          # @!method on_consumer_revoked(event)
          # @!method on_consumer_shutdown(event)
          # @!method on_consumer_ticked(event)
          { revoked: "consumer.revoked", shutdown: "consumer.shutdown", ticked: "consumer.tick" }.each do |what, name|
            define_method(:"on_consumer_#{what}") do |event|
              count(name, 1, tags: default_tags + consumer_tags(event[:caller]))
            end
          end

          # @param event [Core::Monitoring::Event]
          def on_worker_process(event)
            statistics = event[:jobs_queue].statistics
            gauge("worker.total_threads", Server.workers.size, tags: default_tags)
            histogram("worker.processing", statistics[:busy], tags: default_tags)
            histogram("worker.enqueued_jobs", statistics[:enqueued], tags: default_tags)
          end

          # @param event [Core::Monitoring::Event]
          def on_worker_processed(event)
            histogram("worker.processing", event[:jobs_queue].statistics[:busy], tags: default_tags)
          end

          %i[count gauge increment decrement].each do |method|
            define_method(method) do |name, *arguments, **options|
              config.client.public_send(method, namespaced(name), *arguments, **options)
            end
          end

          # Sends as `config.distribution_mode` says
          # @param name [String]
          # @param value [Numeric]
          # @param options [Hash]
          # @raise [ArgumentError] for another mode
          def histogram(name, value, **options)
            mode = config.distribution_mode
            unless %i[histogram distribution].include?(mode)
              raise ArgumentError, "distribution_mode is :histogram or :distribution, not #{mode.inspect}"
            end

            config.client.public_send(mode, namespaced(name), value, **options)
          end

          private

          def default_tags
            config.default_tags
          end

          def consumer_tags(consumer)
            topic = consumer.topic
            ["topic:#{topic.name}", "partition:#{consumer.partition}", "consumer:#{consumer.class}",
             "consumer_group:#{topic.consumer_group.id}"]
          end

          def tags_of(labels)
            default_tags + labels.map { |name, value| "#{name}:#{value}" }
          end

          def namespaced(name)
            [config.namespace, name].compact.join(".")
          end
        end
      end
    end
  end
end
