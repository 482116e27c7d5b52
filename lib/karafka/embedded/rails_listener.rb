# frozen_string_literal: true

require "singleton"
require_relative "connection_pool_check"

module Karafka
  module Embedded
    # Tells Rails what goes wrong: `Rails.error` (since 7.0), and the log where nothing else of ours writes there
    #
    # @api private
    class RailsListener
      include Singleton

      # What of an event an error tracker gets
      TOLD = %i[subscription_group_id consumer_group_id seek_offset].freeze
      private_constant :TOLD

      # Subscribes, once
      # @param monitor [Core::Monitoring::Monitor]
      def watch(monitor)
        monitor.subscribe(self) unless listeners_of(monitor).include?(self)
      end

      # @param event [Core::Monitoring::Event]
      def on_error_occurred(event)
        report(event)
      ensure
        log(event) unless logged?
      end

      # @param _event [Core::Monitoring::Event]
      def on_app_running(_event)
        warning = ConnectionPoolCheck.warning
        Karafka.logger.warn(warning) if warning
      end

      private

      def listeners_of(monitor)
        monitor.listeners.values.flatten.uniq
      end

      def logged?
        listeners_of(Karafka.monitor).any?(Instrumentation::LoggerListener)
      end

      def log(event)
        error = event[:error]
        Karafka.logger.error(
          ["#{event[:type]}: #{error.class}: #{error.message}", *error.backtrace].join("\n")
        )
      end

      # Retried or not: what the application does not see raised is handled, and an error all the same
      def report(event)
        reporter = ::Rails.respond_to?(:error) && ::Rails.error
        return unless reporter

        reporter.report(event[:error], handled: true, severity: :error, context: context(event), **source(reporter))
      end

      def context(event)
        { karafka: { type: event[:type], **event.payload.slice(*TOLD), **place(event) } }
      end

      # An error comes from a consumer, or from a job that could not reach its consumer
      def place(event)
        caller = event[:caller]
        details = caller.is_a?(BaseConsumer) ? { consumer: caller.class.name } : {}
        caller = event.payload[:job].executor if event.payload[:job]
        return details unless caller.respond_to?(:topic)

        details.merge(topic: caller.topic.name, partition: caller.partition)
      end

      # Rails 7.1 added it
      def source(reporter)
        takes_source = reporter.method(:report).parameters.include?(%i[key source])
        takes_source ? { source: "karafka_embedded" } : {}
      end
    end
  end
end
