# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # Hands what the engine tells to subscribers of {Karafka.monitor}, on the thread `karafka.embedded`. A subscriber
    # that raises is reported and disturbs nothing else.
    #
    # @api private
    class EventDispatcher
      WAIT = 1_000
      # Syslog's levels as Ruby's logger has them
      LEVELS = %i[fatal fatal fatal error warn info info debug].freeze
      private_constant :WAIT, :LEVELS

      # @return [Thread]
      attr_reader :thread

      # @param engine [Native::Engine]
      # @param plan [Routing::EnginePlan]
      # @param listeners [Array<Listener>] one for each group, in the order of the plan
      def initialize(engine, plan, listeners)
        @engine = engine
        @plan = plan
        @listeners = listeners
        @critical = {}
      end

      # Starts the thread
      def start
        @thread = Thread.new { run }
        @thread.name = "karafka.embedded"
        @thread.report_on_exception = false
        @thread.thread_variable_set(:fork_safe, true)
        self
      end

      # @return [Array<String>] errors that do not pass by themselves, the last of each group
      def critical_errors
        @critical.values
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has it handed out everything
      def join(timeout)
        return true if @thread.equal?(Thread.current)

        !@thread.join([timeout, 0].max / 1_000.0).nil?
      end

      private

      def run
        loop do
          ask_for_statistics
          event = @engine.next_event(WAIT)
          break if event == :closed

          dispatch(JSON.parse(event)) if event
        end
      end

      def ask_for_statistics
        @statistics ||= @engine.want_statistics || true if subscribed?("statistics.emitted")
      end

      def subscribed?(event_id)
        Karafka.monitor.listeners[event_id]&.any?
      end

      def dispatch(event)
        __send__(:"on_#{event.fetch("event")}", event)
      rescue Exception => e # rubocop:disable Lint/RescueException -- the engine's news have to go on
        Instrumentation::ErrorReport.call(type: failure_type(event), error: e, caller: self, **failure_details(event))
      end

      def failure_type(event)
        case event["event"]
        when "rebalance" then "callbacks.rebalance.partitions_#{event["step"]}.error"
        when "statistics" then "callbacks.statistics.error"
        when "error" then "callbacks.error.error"
        else "runner.call.error"
        end
      end

      def failure_details(event)
        event["group"] ? group_details(event["group"]) : {}
      end

      def on_state(event)
        case event["state"]
        when "quieting" then App.quiet!
        when "quiet" then App.quieted!
        when "stopping" then App.stop!
        end
      end

      def on_group_started(event)
        @listeners[event["group"]].started(event["client"])
      end

      def on_group_stopped(event)
        @listeners[event["group"]].stopped
      end

      def on_rebalance(event)
        listener = @listeners[event["group"]]
        Karafka.monitor.instrument(
          "rebalance.partitions_#{event["step"]}",
          caller: listener, subscription_group: listener.subscription_group,
          **group_details(event["group"]),
          consumer_group: listener.subscription_group.consumer_group, group: listener.subscription_group.consumer_group,
          client_id: listener.name, tpl: partitions(event["partitions"])
        )
      end

      def partitions(list)
        by_topic = list.group_by { |entry| entry["topic"] }
        Rdkafka::Consumer::TopicPartitionList.new(
          by_topic.transform_values do |entries|
            entries.map { |entry| Rdkafka::Consumer::Partition.new(entry["partition"], entry["offset"]) }
          end
        )
      end

      def on_error(event)
        error = error_of(event)
        @critical[event["group"]] = error.message if event["severity"] == "critical"
        return engine_error(error) unless event["group"]

        Instrumentation::ErrorReport.call(
          type: event["code"].zero? ? "runner.call.error" : "librdkafka.error", error: error,
          caller: @listeners[event["group"]], **group_details(event["group"])
        )
      end

      def engine_error(error)
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: error, caller: self)
      end

      def error_of(event)
        return EngineError.new(event["message"]) if event["code"].zero?

        Rdkafka::RdkafkaError.new(
          event["code"], broker_message: event["message"], fatal: event["severity"] == "critical",
                         instance_name: event["group"] && @listeners[event["group"]].name
        )
      end

      def on_statistics(event)
        Karafka.monitor.instrument(
          "statistics.emitted", **group_details(event["group"]), statistics: JSON.parse(event["json"])
        )
      end

      def on_log(event)
        Karafka.logger.public_send(LEVELS.fetch(event["level"], :info), "rdkafka: #{event["line"]}")
      end

      def on_token_refresh(event)
        Karafka.monitor.instrument("oauthbearer.token_refresh", caller: @listeners[event["group"]], bearer: nil)
      end

      def group_details(index)
        group = @plan.subscription_group(index)
        {
          subscription_group_id: group.id, consumer_group_id: group.consumer_group.id,
          group_id: group.consumer_group.id
        }
      end
    end
  end
end
