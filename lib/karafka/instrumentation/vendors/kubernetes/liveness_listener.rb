# frozen_string_literal: true

require_relative "base_listener"

module Karafka
  module Instrumentation
    module Vendors
      module Kubernetes
        # Answers a liveness probe: are the connections polled, do the consumers come to an end, and can Kafka still be
        # had. It listens from `app.running` to `app.stopped`.
        # @example
        #   require "karafka/instrumentation/vendors/kubernetes/liveness_listener"
        #
        #   Karafka.monitor.subscribe(
        #     Karafka::Instrumentation::Vendors::Kubernetes::LivenessListener.new(
        #       port: 3000, consuming_ttl: 300_000, polling_ttl: 120_000
        #     )
        #   )
        class LivenessListener < BaseListener
          # Errors after which a client does not come back, unless it gets another one's place
          UNRECOVERABLE = %i[fatal fenced fenced_instance_id].freeze
          STEADY = "steady"
          private_constant :UNRECOVERABLE, :STEADY

          # @param hostname [String, nil] address to listen on; nil for all
          # @param port [Integer]
          # @param consuming_ttl [Integer] ms that a consumer may take for a batch
          # @param polling_ttl [Integer] ms that a connection may go without a poll
          # @param stability_ttl [Integer, nil] ms that a group may take to settle after a rebalance began; nil: not
          #   looked at, since it takes statistics
          def initialize(hostname: nil, port: 3_000, consuming_ttl: 300_000, polling_ttl: 300_000, stability_ttl: nil)
            @consuming_ttl = consuming_ttl
            @polling_ttl = polling_ttl
            @stability_ttl = stability_ttl
            @ticks = Mutex.new
            forget
            # Statistics are made where somebody has a method for them
            define_singleton_method(:on_statistics_emitted) { |event| note_stability(event) } if stability_ttl
            super(hostname: hostname, port: port)
          end

          # @param _event [Core::Monitoring::Event]
          def on_app_running(_event)
            forget
            start
          end

          # @param _event [Core::Monitoring::Event]
          def on_app_stopped(_event)
            stop
          end

          # @param event [Core::Monitoring::Event]
          def on_connection_listener_fetch_loop(event)
            tick(@pollings, event[:caller].id)
          end

          # A connection that ends is not polled any more
          # @param event [Core::Monitoring::Event]
          def on_connection_listener_stopping(event)
            clear(@pollings, event[:caller].id)
            clear(@unsettled, event[:caller].subscription_group.id)
          end

          # @!method on_consumer_consume(event)
          #   A consumer begins with something
          # @!method on_consumer_consumed(event)
          #   It is done
          %i[consume revoke shutting_down eof tick].each do |what|
            define_method(:"on_consumer_#{what}") { |_event| tick(@consumptions, Thread.current) }
          end
          %i[consumed revoked shutdown eofed ticked].each do |what|
            define_method(:"on_consumer_#{what}") { |_event| clear(@consumptions, Thread.current) }
          end

          # @param event [Core::Monitoring::Event]
          def on_error_occurred(event)
            # The work of this thread ended, with an error
            clear(@consumptions, Thread.current) if event[:type].start_with?("consumer.", "worker.")
            error = event[:error]
            return unless error.is_a?(Rdkafka::RdkafkaError)

            @unrecoverable = error.code if error.fatal? || UNRECOVERABLE.include?(error.code)
          end

          # The engine made another client in the place of one that could not go on
          # @param _event [Core::Monitoring::Event]
          def on_client_reset(_event)
            @unrecoverable = nil
          end

          # @return [Boolean]
          def healthy?
            problems.values.none?
          end

          # @return [Hash] with what is wrong under `:errors`
          def status_body
            super.merge(errors: problems)
          end

          private

          def problems
            {
              polling_ttl_exceeded: exceeded?(@pollings, @polling_ttl),
              consumption_ttl_exceeded: exceeded?(@consumptions, @consuming_ttl),
              stability_ttl_exceeded: !@stability_ttl.nil? && exceeded?(@unsettled, @stability_ttl),
              unrecoverable: @unrecoverable || false
            }
          end

          # A group that rebalances for ever never reaches the state in which it works
          def note_stability(event)
            group = event[:subscription_group_id]
            if event[:statistics].dig("cgrp", "join_state") == STEADY
              clear(@unsettled, group)
            else
              @ticks.synchronize { @unsettled[group] ||= monotonic_now }
            end
          end

          def forget
            @ticks.synchronize do
              @pollings = {}
              @consumptions = {}.compare_by_identity
              @unsettled = {}
            end
            @unrecoverable = nil
          end

          def tick(times, key)
            @ticks.synchronize { times[key] = monotonic_now }
          end

          def clear(times, key)
            @ticks.synchronize { times.delete(key) }
          end

          def exceeded?(times, ttl)
            now = monotonic_now
            @ticks.synchronize { times.each_value.any? { |at| now - at > ttl } }
          end
        end
      end
    end
  end
end
