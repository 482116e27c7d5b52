# frozen_string_literal: true

require_relative "base"
require_relative "../kafka_metrics"

module Karafka
  module Instrumentation
    module Vendors
      module Appsignal
        # Makes what consumers do AppSignal's transactions, and sends metrics.
        # @example
        #   require "karafka/instrumentation/vendors/appsignal/metrics_listener"
        #
        #   Karafka.monitor.subscribe(Karafka::Instrumentation::Vendors::Appsignal::MetricsListener.new)
        class MetricsListener < Base
          # A metric of librdkafka's statistics
          RdKafkaMetric = KafkaMetrics::Metric

          # What comes before each name
          setting :namespace, default: "karafka"
          # {Client}, or what has its methods
          setting :client, constructor: -> { Client.new(namespace_name: "karafka") }
          # What of librdkafka's statistics is sent
          setting :rd_kafka_metrics, default: [
            RdKafkaMetric.new(:count, :brokers, "requests_retries", "txretries_d"),
            RdKafkaMetric.new(:count, :brokers, "transmission_errors", "txerrs_d"),
            RdKafkaMetric.new(:count, :brokers, "receive_errors", "rxerrs_d"),
            RdKafkaMetric.new(:count, :brokers, "connection_connects", "connects_d"),
            RdKafkaMetric.new(:count, :brokers, "connection_disconnects", "disconnects_d"),
            RdKafkaMetric.new(:gauge, :brokers, "network_latency_avg", %w[rtt avg]),
            RdKafkaMetric.new(:gauge, :brokers, "network_latency_p95", %w[rtt p95]),
            RdKafkaMetric.new(:gauge, :brokers, "network_latency_p99", %w[rtt p99]),
            RdKafkaMetric.new(:gauge, :topics, "consumer_lag", "consumer_lag_stored"),
            RdKafkaMetric.new(:gauge, :topics, "consumer_lag_delta", "consumer_lag_stored_d")
          ].freeze

          # Once a minute AppSignal asks how many threads and processes there are
          # @param _event [Core::Monitoring::Event]
          def on_app_running(_event)
            client.register_probe(:karafka, -> { probe })
          end

          # @param event [Core::Monitoring::Event]
          def on_consumer_consume(event)
            begin_transaction(event[:caller], "consume", batch_metadata(event[:caller]))
          end

          # @param event [Core::Monitoring::Event]
          def on_consumer_consumed(event)
            consumer = event[:caller]
            tags = consumer_tags(consumer)
            metadata = consumer.messages.metadata
            count("consumer_messages", consumer.messages.size, tags)
            count("consumer_batches", 1, tags)
            gauge("consumer_offset", metadata.last_offset, tags)
            distribution("consumer_batch_size", consumer.messages.size, tags)
            distribution("consumer_consumed_time_taken", event[:time], tags)
            distribution("consumer_processing_lag", metadata.processing_lag, tags)
            distribution("consumer_consumption_lag", metadata.consumption_lag, tags)
            client.stop_transaction
          end

          {
            revoke: :revoked, shutting_down: :shutdown, eof: :eofed, tick: :ticked
          }.each do |before, after|
            define_method(:"on_consumer_#{before}") { |event| begin_transaction(event[:caller], after.to_s) }
            define_method(:"on_consumer_#{after}") do |event|
              count("consumer_#{after}", 1, consumer_tags(event[:caller]))
              client.stop_transaction
            end
          end

          # @param event [Core::Monitoring::Event]
          def on_dead_letter_queue_dispatched(event)
            count("consumer_dead", 1, consumer_tags(event[:caller]))
          end

          # A consumer that raised does not come to its end. The error itself is {ErrorsListener}'s.
          # @param event [Core::Monitoring::Event]
          def on_error_occurred(event)
            consumer = event.payload[:caller]
            return count("error_occurred", 1, type: event[:type]) unless consumer.is_a?(BaseConsumer) && consumer.topic

            count("consumer_errors", 1, consumer_tags(consumer).merge(type: event[:type]))
            client.stop_transaction
          end

          # @param event [Core::Monitoring::Event]
          def on_statistics_emitted(event)
            config.rd_kafka_metrics.each do |metric|
              KafkaMetrics.each_value(metric, event) do |value, labels|
                __send__(metric.type, metric.name, value, labels)
              end
            end
            KafkaMetrics.each_topic_lag(event) { |lag, labels| gauge("consumer_aggregated_lag", lag, labels) }
          end

          private

          def begin_transaction(consumer, action, metadata = {})
            client.start_transaction("#{consumer.class}##{action}")
            client.metadata = { **consumer_tags(consumer), **metadata }
          end

          def batch_metadata(consumer)
            metadata = consumer.messages.metadata
            { batch_size: metadata.size, first_offset: metadata.first_offset, last_offset: metadata.last_offset }
          end

          def consumer_tags(consumer)
            topic = consumer.topic
            { consumer_group: topic.consumer_group.id, topic: topic.name, partition: consumer.partition,
              consumer: consumer.class.to_s }
          end

          def probe
            gauge("threads_count", Server.workers.size, {})
            gauge("processes_count", 1, {})
          end

          %i[count gauge distribution].each do |method|
            define_method(method) do |name, value, tags|
              client.public_send(method, "#{config.namespace}_#{name}", value, tags)
            end
          end
        end
      end
    end
  end
end
