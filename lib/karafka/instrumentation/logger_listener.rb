# frozen_string_literal: true

module Karafka
  module Instrumentation
    # Logs what happens. The texts are what people search and parse, so they change only with care.
    # @example
    #   Karafka.monitor.subscribe(Karafka::Instrumentation::LoggerListener.new)
    class LoggerListener
      POLLS = %i[on_connection_listener_fetch_loop on_connection_listener_fetch_loop_received].freeze
      private_constant :POLLS

      # @param log_polling [Boolean] log each poll, which is a line a second and more
      def initialize(log_polling: true)
        @log_polling = log_polling
      end

      # Without the log of polls it is not subscribed to them, unless a subclass does something with them: an idle
      # process would wake each second for nothing.
      # @return [Boolean]
      def respond_to?(name, *)
        super && (log_polling? || !POLLS.include?(name) || method(name).owner != LoggerListener)
      end

      # @param event [Core::Monitoring::Event]
      def on_connection_listener_before_fetch_loop(event)
        group = event[:subscription_group]
        names = group.topics.select(&:active?).map(&:name).join(", ")
        info "[#{listener_id(event)}] Group #{group.consumer_group.id}/#{group.id} subscribing to topics: #{names}"
      end

      # @param event [Core::Monitoring::Event]
      def on_connection_listener_fetch_loop(event)
        return unless log_polling?

        debug "[#{listener_id(event)}] Polling messages..."
      end

      # @param event [Core::Monitoring::Event]
      def on_connection_listener_fetch_loop_received(event)
        return unless log_polling?

        size = event[:messages_buffer].size
        text = "[#{listener_id(event)}] Polled #{size} messages in #{event[:time].round(2)}ms"
        size.zero? ? debug(text) : info(text)
      end

      # @param event [Core::Monitoring::Event]
      def on_worker_process(event)
        job = event[:job]
        info "[#{job.id}] #{describe(job)} started"
      end

      # @param event [Core::Monitoring::Event]
      def on_worker_processed(event)
        job = event[:job]
        info "[#{job.id}] #{describe(job)} finished in #{event[:time].round(2)} ms"
      end

      # @param event [Core::Monitoring::Event]
      def on_client_pause(event)
        offset = event[:offset] ? " offset #{event[:offset]}" : ""
        info "[#{event[:caller].id}] Pausing on topic #{event[:topic]}-#{event[:partition]}#{offset}"
      end

      # @param event [Core::Monitoring::Event]
      def on_client_resume(event)
        info "[#{event[:caller].id}] Resuming on topic #{event[:topic]}-#{event[:partition]}"
      end

      # @param event [Core::Monitoring::Event]
      def on_consumer_consuming_retry(event)
        info "[#{event[:caller].id}] Retrying of #{event[:caller].class} after #{event[:timeout]} ms " \
             "on topic #{event[:topic]}-#{event[:partition]} from offset #{event[:offset]}"
      end

      # @param event [Core::Monitoring::Event]
      def on_consumer_consuming_seek(event)
        message = event[:message]
        info "[#{event[:caller].id}] Seeking from #{event[:caller].class} " \
             "on topic #{message.topic}-#{message.partition} to offset #{message.offset}"
      end

      # @param event [Core::Monitoring::Event]
      def on_process_notice_signal(event)
        info "Received #{event[:signal]} system signal"
      end

      # @param _event [Core::Monitoring::Event]
      def on_app_running(_event)
        info "Running in #{RUBY_DESCRIPTION}"
        info "Running Karafka #{VERSION} server"
      end

      # @param event [Core::Monitoring::Event]
      def on_app_quieting(event)
        info "[#{event[:server_id]}] Switching to quiet mode. New messages will not be processed"
      end

      # @param event [Core::Monitoring::Event]
      def on_app_quiet(event)
        info "[#{event[:server_id]}] Reached quiet mode. No messages will be processed anymore"
      end

      # @param event [Core::Monitoring::Event]
      def on_app_stopping(event)
        info "[#{event[:server_id]}] Stopping Karafka server"
      end

      # @param event [Core::Monitoring::Event]
      def on_app_stopped(event)
        info "[#{event[:server_id]}] Stopped Karafka server"
      end

      # @param event [Core::Monitoring::Event]
      def on_dead_letter_queue_dispatched(event)
        consumer = event[:caller]
        message = event[:message]
        info "[#{consumer.id}] Dispatched message #{message.offset} from #{consumer.topic.name}-#{message.partition} " \
             "to DLQ topic: #{consumer.topic.dead_letter_queue.topic}"
      end

      # @param event [Core::Monitoring::Event]
      def on_rebalance_partitions_assigned(event)
        rebalance(event, "assigned")
      end

      # @param event [Core::Monitoring::Event]
      def on_rebalance_partitions_revoked(event)
        rebalance(event, "revoked")
      end

      # @param event [Core::Monitoring::Event]
      def on_worker_scaling_up(event)
        info "Scaling up the workers pool from #{event[:from]} to #{event[:to]}"
      end

      # @param event [Core::Monitoring::Event]
      def on_worker_scaling_down(event)
        info "Scaling down the workers pool from #{event[:from]} to #{event[:to]}"
      end

      # @param event [Core::Monitoring::Event]
      def on_error_occurred(event)
        prefix = ErrorTexts.prefix(event)
        critical?(event[:type]) ? fatal(prefix) : error(prefix)
      end

      %i[debug info warn error fatal].each do |level|
        define_method(level) { |text| Karafka.logger.public_send(level, text) }
      end

      private

      def log_polling?
        @log_polling
      end

      # What of ours did not hold up under user code, or by itself
      def critical?(type)
        %w[worker.process.error runner.call.error].include?(type)
      end

      def listener_id(event)
        event[:caller].id
      end

      def describe(job)
        executor = job.executor
        "#{job.class.name.split("::").last} job for #{executor.topic.consumer} " \
          "on #{executor.topic.name}-#{executor.partition}"
      end

      def rebalance(event, what)
        partitions = event[:tpl].to_h.transform_values { |list| list.to_a.map(&:partition) }
        return if partitions.empty?

        list = partitions.map { |topic, numbers| "#{topic}-[#{numbers.join(",")}]" }.join(", ")
        info "[#{event[:client_id]}] Group #{event[:consumer_group_id]} rebalance: #{list} #{what}"
      end
    end
  end
end
