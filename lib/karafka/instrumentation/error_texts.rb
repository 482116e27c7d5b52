# frozen_string_literal: true

module Karafka
  module Instrumentation
    # Words for the errors that `error.occurred` brings
    #
    # @api private
    module ErrorTexts
      # By type. What is not here is told by its type.
      TEXTS = {
        "consumer.initialized.error" => "Consumer initialized error",
        "consumer.wrap.error" => "Consumer wrap failed due to an error",
        "consumer.consume.error" => "Consumer consuming error",
        "consumer.after_consume.error" => "Consumer after consuming error",
        "consumer.revoked.error" => "Consumer on revoked failed due to an error",
        "consumer.shutdown.error" => "Consumer on shutdown failed due to an error",
        "consumer.eofed.error" => "Consumer on eofed failed due to an error",
        "worker.process.error" => "Worker processing failed due to an error",
        "connection.listener.fetch_loop.error" => "Listener fetch loop error",
        "runner.call.error" => "Runner crashed due to an error",
        "app.stopping.error" => "Forceful Karafka server stop",
        "app.forceful_stopping.error" => "Forceful shutdown error occurred",
        "librdkafka.error" => "librdkafka internal error occurred",
        "callbacks.statistics.error" => "callbacks.statistics processing failed due to an error",
        "callbacks.error.error" => "callbacks.error processing failed due to an error",
        "callbacks.oauthbearer_token_refresh.error" =>
          "callbacks.oauthbearer_token_refresh processing failed due to an error",
        "connection.client.poll.error" => "Data polling error occurred",
        "connection.client.unsubscribe.error" => "Client unsubscribe error occurred"
      }.freeze

      # Types for which the backtrace says nothing: it is ours
      WITHOUT_BACKTRACE = %w[librdkafka.error connection.client.poll.error].freeze
      private_constant :TEXTS, :WITHOUT_BACKTRACE

      class << self
        # @param event [Core::Monitoring::Event] an `error.occurred`
        # @return [String] one text: what, where, how, and the backtrace
        def prefix(event)
          type = event[:type]
          return stopping(event) if type == "app.stopping.error"

          error = event[:error]
          lines = ["#{TEXTS.fetch(type, "#{type} error occurred")}: #{error}#{place(event)}"]
          lines.concat(error.backtrace || []) unless WITHOUT_BACKTRACE.include?(type)
          lines.join("\n")
        end

        private

        def stopping(event)
          payload = event.payload
          "Forceful Karafka server stop with: #{count(payload[:alive_workers])} active workers and " \
            "#{count(payload[:active_listeners])} active listeners"
        end

        def count(list)
          list.respond_to?(:size) ? list.size : list.to_i
        end

        def place(event)
          caller = event.payload[:caller]
          return consumer_place(caller) if caller.is_a?(BaseConsumer) && caller.topic

          group = event.payload[:consumer_group_id]
          group ? " [consumer_group: #{group}]" : ""
        end

        def consumer_place(consumer)
          " [consumer_group: #{consumer.topic.consumer_group.id}, topic: #{consumer.topic.name}, " \
            "partition: #{consumer.partition}, consumer: #{consumer.class}]"
        end
      end
    end
  end
end
