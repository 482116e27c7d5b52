# frozen_string_literal: true

module WaterDrop
  module Instrumentation
    # Logs what a producer does
    # @example
    #   Karafka.producer.monitor.subscribe(WaterDrop::Instrumentation::LoggerListener.new(Karafka.logger))
    class LoggerListener
      # @param logger [::Logger]
      # @param log_messages [Boolean] log the messages themselves, payloads included, at the debug level
      def initialize(logger, log_messages: true)
        @logger = logger
        @log_messages = log_messages
      end

      # @return [Boolean]
      def log_messages?
        @log_messages
      end

      { sync: "Sync", async: "Async" }.each do |kind, word|
        define_method(:"on_message_produced_#{kind}") do |event|
          message = event[:message]
          info(event, "#{word} producing of a message to '#{message[:topic]}' topic")
          debug(event, message) if log_messages?
        end

        define_method(:"on_messages_produced_#{kind}") do |event|
          messages = event[:messages]
          topics = messages.map { |message| "'#{message[:topic]}'" }.uniq.join(", ")
          info(event, "#{word} producing of #{messages.size} messages to #{topics} topic")
          debug(event, messages) if log_messages?
        end
      end

      # @param event [Karafka::Core::Monitoring::Event]
      def on_producer_closing(event)
        info(event, "Closing producer")
      end

      # @param event [Karafka::Core::Monitoring::Event]
      def on_producer_closed(event)
        info(event, "Closing producer")
      end

      # @param event [Karafka::Core::Monitoring::Event]
      def on_error_occurred(event)
        @logger.error("[#{event[:producer_id]}] Error occurred: #{event[:error]} - #{event[:type]}")
      end

      private

      # What was timed says how long it took
      def info(event, text)
        time = event.payload[:time]
        text = "#{text} took #{time.round(2)} ms" if time
        @logger.info("[#{event[:producer_id]}] #{text}")
      end

      def debug(event, what)
        @logger.debug("[#{event[:producer_id]}] #{what}")
      end
    end
  end
end
