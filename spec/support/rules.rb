# frozen_string_literal: true

# What the specs of spec/kafka/rules have in common: a topic and its consumer on a real broker, what happened, and
# another member of the group.
module Rules
  # A rebalance comes to a member with its next heartbeat
  QUICK = { "heartbeat.interval.ms": 100, "enable.partition.eof": true }.freeze

  # @return [String] the topic of the example
  attr_reader :topic
  # @return [Array<Karafka::Core::Monitoring::Event>] what happened, in order
  attr_reader :events

  # Starts consumers of a new topic
  # @param payloads [Array<String>] messages of partition 0
  # @param partitions [Integer]
  # @param kafka [Hash{Symbol => Object}]
  # @param options [Proc, nil] further options of the route
  # @param hooks [Hash{Symbol => Proc}] further methods of the consumer
  # @param settings [Hash{Symbol => Object}] application settings
  # @yield `consume` of the consumer
  def consuming( # rubocop:disable Metrics/ParameterLists -- an example names the one or two that it is about
    payloads = %w[a b c], partitions: 1, kafka: {}, options: nil, hooks: {}, **settings, &consume
  )
    @topic = KafkaServer.create_topic("rule", partitions: partitions)
    setup_embedded(KafkaServer.bootstrap, kafka: { **QUICK, **kafka }.compact) do |config|
      settings.each { |name, value| config.public_send(:"#{name}=", value) }
    end
    route(topic, consumer_class(hooks, &consume), &options)
    watch
    feed(topic, payloads, partition: 0)
    start_with({ topic => partitions })
  end

  # @return [Array<Karafka::Core::Monitoring::Event>]
  def events_of(id)
    events.select { |event| event.id == id }
  end

  # @return [Hash{String => Array<Exception>}] what was reported, by its type
  def reported
    errors.group_by(&:type).transform_values { |list| list.map(&:error) }
  end

  # @return [Integer, nil] offset that the broker would have the group go on at
  def committed(partition: 0)
    KafkaServer.committed(Karafka::App.config.group_id, topic, partition)
  end

  # While the block runs the group has one more member. It takes its share and consumes nothing. A range is dealt out in
  # the order of the members' ids, which begin with their clients': a single partition is the rival's.
  # @param left [Integer] partitions that are to be left here
  def with_rival(left: 0)
    plan = Karafka::Routing::EnginePlan.new.to_h
    plan[:groups].each { |group| group[:kafka]["client.id"] = "a rival" }
    rival = Karafka::Native::Engine.new(JSON.generate(plan))
    rival.start
    eventually("the rival's share") { share_of(rival).positive? && assigned.fetch(topic, 0) == left }
    yield
  ensure
    rival&.stop(5_000)
    rival&.wait_until_stopped(5_000)
  end

  private

  def share_of(engine)
    JSON.parse(engine.health).fetch("groups").sum { |group| group.fetch("assigned").size }
  end

  def watch
    @events = []
    seen = @events
    ids = Karafka::Instrumentation::Notifications::EVENTS - %w[connection.listener.fetch_loop client.events_poll]
    ids.each { |id| Karafka.monitor.subscribe(id) { |event| seen << event } unless id == "statistics.emitted" }
  end
end

RSpec.configure do |config|
  config.define_derived_metadata(file_path: %r{/spec/kafka/rules/}) { |metadata| metadata[:rules] = true }
  config.include Rules, :rules
end
