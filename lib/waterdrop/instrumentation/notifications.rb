# frozen_string_literal: true

module WaterDrop
  # What can be watched of a producer, and what watches it
  module Instrumentation
    # The bus with every event of a producer
    class Notifications < Karafka::Core::Monitoring::Notifications
      # Ids of all events
      EVENTS = %w[
        buffer.flushed_async
        buffer.flushed_sync
        buffer.purged
        error.occurred
        message.acknowledged
        message.buffered
        message.produced_async
        message.produced_sync
        message.purged
        messages.buffered
        messages.produced_async
        messages.produced_sync
        oauthbearer.token_refresh
        producer.closed
        producer.closing
        producer.connected
        producer.disconnected
        producer.disconnecting
        producer.reload
        producer.reloaded
        statistics.emitted
        transaction.aborted
        transaction.committed
        transaction.finished
        transaction.marked_as_consumed
        transaction.started
      ].freeze

      STATISTICS = "statistics.emitted"
      STATISTICS_HANDLER = :on_statistics_emitted
      private_constant :STATISTICS, :STATISTICS_HANDLER

      def initialize
        super
        @statistics = :open
        EVENTS.each { |event_id| register_event(event_id) }
      end

      # From now on nobody can subscribe to statistics: the producer has connected without them
      # @api private
      def freeze_statistics_listeners!
        @statistics = :frozen
      end

      # @see Karafka::Core::Monitoring::Notifications#subscribe
      # @raise [Errors::StatisticsNotEnabledError] for statistics of a producer that connected while nobody listened
      def subscribe(event_id_or_listener, &block)
        return super unless @statistics == :frozen && statistics?(event_id_or_listener)

        raise Errors::StatisticsNotEnabledError,
              "The producer connected without statistics: subscribe to them before its first message"
      end

      private

      def statistics?(event_id_or_listener)
        event_id_or_listener == STATISTICS || event_id_or_listener.respond_to?(STATISTICS_HANDLER)
      end
    end
  end
end
