# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # Hands what the engine tells to subscribers of {Karafka.monitor}, on the thread `karafka.embedded`. A subscriber
    # that raises is reported and disturbs nothing else.
    #
    # @api private
    class EventDispatcher
      # Longest wait for an event, in milliseconds
      LONGEST_WAIT = 60_000
      # Syslog's levels as Ruby's logger has them
      LEVELS = %i[fatal fatal fatal error warn info info debug].freeze
      private_constant :LONGEST_WAIT, :LEVELS

      # @param engine [Native::Engine]
      # @param plan [Routing::EnginePlan]
      # @param listeners [Array<Listener>] one for each group, in the order of the plan
      # @param incidents [CrashPolicy::Incidents] what does not pass by itself goes there
      # @param on_death [#call] told with an {EngineError} when its thread is given up
      def initialize(engine, plan, listeners, incidents, on_death:)
        @engine = engine
        @plan = plan
        @listeners = listeners
        @incidents = incidents
        @on_death = on_death
        @heartbeat = Heartbeat.new(engine, listeners)
        @interests = Interests.new(engine)
      end

      # Starts the thread
      def start
        @supervised = SupervisedThread.new("karafka.embedded", on_death: @on_death) { run }.start
        self
      end

      # @return [Thread, nil] nil before {#start}
      def thread
        @supervised&.thread
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has it handed out everything
      def join(timeout)
        @supervised.nil? || @supervised.join(timeout)
      end

      private

      def run
        @interests.watch do
          loop do
            @interests.tell
            event = @engine.next_event(@interests.heartbeat? ? Heartbeat::INTERVAL : LONGEST_WAIT)
            break if event == :closed

            dispatch(event) if event
            @heartbeat.call
          end
        end
      end

      # Statistics come as an Array, everything else as JSON
      def dispatch(told)
        event = told.is_a?(Array) ? told : JSON.parse(told)
        App.config.internal.code.enter { hand_out(event) }
      rescue Exception => e # rubocop:disable Lint/RescueException -- the engine's news have to go on
        event ||= told
        Instrumentation::ErrorReport.call(
          type: FailureType.of_subscriber(event), error: e, caller: self, **failure_details(event)
        )
      end

      def hand_out(event)
        event.is_a?(Array) ? on_statistics(*event) : __send__(:"on_#{event.fetch("event")}", event)
      end

      def failure_details(event)
        return group_details(event.first) if event.is_a?(Array)
        return {} unless event["group"]

        client_id = event["event"] == "rebalance" ? { client_id: @listeners[event["group"]].name } : {}
        { **group_details(event["group"]), **client_id }
      end

      def on_state(event)
        case event["state"]
        when "quieting"
          App.quiet!
          advance_all_to(:quieting)
        when "quiet"
          advance_all_to(:quiet)
          App.quieted!
        when "stopping"
          App.stop!
          advance_all_to(:quieting)
        when "stopped"
          advance_all_to(:stopped)
        end
      end

      def on_leaving(_event)
        advance_all_to(:stopping)
      end

      def advance_all_to(state)
        @listeners.each { |listener| listener.advance_to(state) }
      end

      def on_group_started(event)
        @listeners[event["group"]].started(event["client"])
      end

      # It gets another client in its group, unless too many were in vain
      def on_group_failed(event)
        error = error_of(event)
        heals = event["retry_in_ms"]
        @incidents.add(heals ? Crash.new(error, group: group_id(event)) : Crash.new(error, cause: :engine))
        report_error(error, "connection.listener.fetch_loop.error", event["group"])
      end

      def on_group_stopped(event)
        @listeners[event["group"]].advance_to(:stopped)
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

      def on_paused(event)
        tell_client("client.pause", event, offset: event["offset"], timeout: event["timeout"])
      end

      def on_resumed(event)
        tell_client("client.resume", event)
      end

      def tell_client(event_id, event, **details)
        listener = @listeners[event["group"]]
        Karafka.monitor.instrument(
          event_id, caller: listener.client, subscription_group: listener.subscription_group, topic: event["topic"],
                    partition: event["partition"], **details
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
        @incidents.add(Crash.new(error, group: group_id(event))) if event["severity"] == "critical"
        return engine_error(error) unless event["group"]

        report_error(error, FailureType.of_error(error, event["group"]), event["group"])
      end

      def report_error(error, type, group)
        Instrumentation::ErrorReport.call(type: type, error: error, caller: @listeners[group], **group_details(group))
      end

      def on_healed(event)
        @incidents.healed(group_id(event))
      end

      def group_id(event)
        @plan.subscription_group(event["group"]).id if event["group"]
      end

      def engine_error(error)
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: error, caller: self)
      end

      # Fatal is what ends a client: librdkafka's word for it. Errors that stand until somebody mends them are not.
      def error_of(event)
        return EngineError.new(event["message"]) if event["code"].zero?

        Rdkafka::RdkafkaError.new(
          event["code"], broker_message: event["message"], fatal: event["event"] == "group_failed",
                         instance_name: event["group"] && @listeners[event["group"]].name
        )
      end

      def on_statistics(group, frame, *parts)
        return unless Karafka.monitor.subscribed?("statistics.emitted")

        Karafka.monitor.instrument(
          "statistics.emitted", **group_details(group), statistics: StatisticsDocument.call(frame, parts)
        )
      end

      # A Kafka client took the place of another
      def on_client_reset(event)
        listener = @listeners[event["group"]]
        listener.started(event["client"])
        Karafka.monitor.instrument(
          "client.reset", caller: listener.client, subscription_group: listener.subscription_group,
                          time: event["took_ms"].to_f
        )
      end

      def on_log(event)
        Karafka.logger.public_send(LEVELS.fetch(event["level"], :info), "rdkafka: #{event["line"]}")
      end

      def on_token_refresh(event)
        group = event["group"]
        Bearer.ask(-> { @engine.client(group) }, Karafka.monitor) do |bearer|
          Karafka.monitor.instrument("oauthbearer.token_refresh", caller: @listeners[group], bearer: bearer)
        end
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
