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

      def initialize
        super
        EVENTS.each { |event_id| register_event(event_id) }
      end
    end
  end
end
