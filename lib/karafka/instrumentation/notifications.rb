# frozen_string_literal: true

module Karafka
  # What can be watched, and what watches it
  module Instrumentation
    # The bus with every event of the framework
    class Notifications < Core::Monitoring::Notifications
      # Ids of all events
      EVENTS = %w[
        active_job.consume
        active_job.consumed

        app.before_warmup
        app.initializing
        app.initialized
        app.supervising
        app.running
        app.quieting
        app.quiet
        app.stopping
        app.stopped
        app.terminated

        client.events_poll
        client.pause
        client.resume
        client.reset

        connection.listener.pending
        connection.listener.starting
        connection.listener.running
        connection.listener.quieting
        connection.listener.quiet
        connection.listener.stopping
        connection.listener.stopped
        connection.listener.before_fetch_loop
        connection.listener.after_fetch_loop
        connection.listener.fetch_loop
        connection.listener.fetch_loop.received

        consumer.initialize
        consumer.initialized
        consumer.before_schedule_consume
        consumer.before_schedule_eofed
        consumer.before_schedule_idle
        consumer.before_schedule_revoked
        consumer.before_schedule_shutdown
        consumer.before_schedule_tick
        consumer.consume
        consumer.consumed
        consumer.consuming.pause
        consumer.consuming.retry
        consumer.consuming.seek
        consumer.consuming.transaction
        consumer.eof
        consumer.eofed
        consumer.idle
        consumer.revoke
        consumer.revoked
        consumer.shutting_down
        consumer.shutdown
        consumer.tick
        consumer.ticked
        consumer.wrap
        consumer.wrapped

        dead_letter_queue.dispatched

        error.occurred

        filtering.seek
        filtering.throttled

        oauthbearer.token_refresh

        process.notice_signal

        rebalance.partitions_assign
        rebalance.partitions_assigned
        rebalance.partitions_revoke
        rebalance.partitions_revoked

        statistics.emitted

        swarm.manager.before_fork
        swarm.manager.after_fork
        swarm.manager.control
        swarm.manager.stopping
        swarm.manager.terminating
        swarm.node.after_fork

        worker.completed
        worker.process
        worker.processed
        worker.scaling.down
        worker.scaling.up
      ].freeze

      def initialize
        super
        @observers = [].freeze
        EVENTS.each { |event_id| register_event(event_id) }
      end

      # Tells of who subscribes, while the block runs
      # @param observer [#call] told after each change, on the thread that made it
      # @api private
      def observed_by(observer)
        @mutex.synchronize { @observers = [*@observers, observer].freeze }
        yield
      ensure
        @mutex.synchronize { @observers = @observers.reject { |other| other.equal?(observer) }.freeze }
      end

      private

      def changed
        @observers.each(&:call)
      end
    end
  end
end
