# frozen_string_literal: true

module Karafka
  module Instrumentation
    module Vendors
      module Datadog
        # Makes each job a trace, with what is logged meanwhile tagged as belonging to it.
        # @example
        #   require "datadog"
        #   require "karafka/instrumentation/vendors/datadog/logger_listener"
        #
        #   Karafka.monitor.subscribe(
        #     Karafka::Instrumentation::Vendors::Datadog::LoggerListener.new do |config|
        #       config.client = Datadog::Tracing
        #     end
        #   )
        class LoggerListener
          include Core::Configurable

          # Name of a job's trace
          JOB = "karafka.consumer"
          # Where a worker keeps the trace of its job
          SPAN = :karafka_datadog_span
          private_constant :JOB, :SPAN

          # `Datadog::Tracing`, or what has `trace`, `active_span` and `log_correlation`
          setting :client
          # Service the traces belong to; nil for the one that is set there
          setting :service_name, default: nil

          # @yieldparam config [Core::Configurable::Node]
          def initialize(&block)
            configure(&block) if block
          end

          # @param event [Core::Monitoring::Event]
          def on_worker_process(event)
            job = event[:job]
            Thread.current[SPAN] = client.trace(JOB, **service).tap { |span| span.resource = resource(job) }
            push_tags
            info "[#{job.id}] #{resource(job)} job started on #{job.executor.topic.name}"
          end

          # @param event [Core::Monitoring::Event]
          def on_worker_processed(event)
            job = event[:job]
            push_tags
            time = event[:time].round(2)
            info "[#{job.id}] #{resource(job)} job finished in #{time} ms on #{job.executor.topic.name}"
          end

          # Whatever came of the job, its trace ends
          # @param _event [Core::Monitoring::Event]
          def on_worker_completed(_event)
            Thread.current[SPAN]&.finish
          ensure
            Thread.current[SPAN] = nil
            pop_tags
          end

          # @param event [Core::Monitoring::Event]
          def on_error_occurred(event)
            (Thread.current[SPAN] || client.active_span)&.set_error(event[:error])
            push_tags
            error(ErrorTexts.prefix(event))
          ensure
            pop_tags unless Thread.current[SPAN]
          end

          %i[info error fatal].each { |level| define_method(level) { |text| Karafka.logger.public_send(level, text) } }

          # Has what is logged from here on name the trace, where the logger can
          def push_tags
            return unless Karafka.logger.respond_to?(:push_tags)

            pop_tags
            Karafka.logger.push_tags(client.log_correlation)
            Thread.current[:karafka_datadog_tagged] = true
          end

          # Ends {#push_tags}
          def pop_tags
            return unless Thread.current[:karafka_datadog_tagged]

            Thread.current[:karafka_datadog_tagged] = nil
            Karafka.logger.pop_tags
          end

          private

          def client
            config.client
          end

          def service
            config.service_name ? { service: config.service_name } : {}
          end

          # @return [String] `OrdersConsumer#consume`
          def resource(job)
            "#{job.executor.topic.consumer}##{job.class.action}"
          end
        end
      end
    end
  end
end
