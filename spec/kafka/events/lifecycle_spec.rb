# frozen_string_literal: true

# Rows of the event table that tell of the life of the process: app.*, connection.listener.*, worker.scaling.*
RSpec.describe "Events of a run's life" do
  let(:topic) { KafkaServer.create_topic("orders", partitions: 2) }
  let(:events) do
    EventRecorder.new(*Karafka::Instrumentation::Notifications::EVENTS.grep(/\A(app|connection|worker\.scaling)/))
  end
  let(:listener) { Karafka::Server.listeners.first }
  let(:group) { Karafka::App.routes.first.subscription_groups.first }

  before do
    setup_embedded(KafkaServer.bootstrap)
    route(topic, consumer_class { nil })
    events
  end

  def started
    start_with({ topic => 2 })
    events.await("connection.listener.fetch_loop")
  end

  def order(*ids)
    events.ids.select { |id| ids.include?(id) }
  end

  it "app.running .quieting .quiet .stopping .stopped .terminated" do
    started
    Karafka::Embedded.quiet
    events.await("app.quiet")
    Karafka::Embedded.stop

    states = %w[app.running app.quieting app.quiet app.stopping app.stopped app.terminated]
    expect(events.ids.grep(/\Aapp/)).to eq(states)
    expect(events.all.select { |event| event.id.start_with?("app.") }.map(&:payload))
      .to all(eq(caller: Karafka::App.config.internal.status, server_id: Karafka::Server.id))
  end

  it "app.initialized" do
    seen = []
    Karafka::App.config.monitor.subscribe("app.initialized") { |event| seen << event.payload }
    Karafka::App.config.internal.status.instance_variable_set(:@status, :initializing)
    Karafka::App.setup

    expect(seen).to eq([{ caller: Karafka::App.config.internal.status, server_id: Karafka::Server.id }])
  end

  it "connection.listener.{pending,starting,running,quieting,quiet,stopping,stopped}" do
    started
    expect(listener).to be_active
    Karafka::Embedded.stop

    names = %w[pending starting running quieting quiet stopping stopped].map { |name| "connection.listener.#{name}" }
    expect(order(*names)).to eq(names)
    expect(names.map { |name| events.of(name).map(&:payload) }).to all(eq([{ caller: listener }]))
    expect(order("connection.listener.pending", "app.running", "connection.listener.starting"))
      .to eq(%w[connection.listener.pending app.running connection.listener.starting])
    expect(order("connection.listener.quiet", "connection.listener.stopped", "app.stopping", "app.stopped"))
      .to eq(%w[app.stopping connection.listener.quiet connection.listener.stopped app.stopped])
  end

  it "connection.listener.{quieting,quiet} of a quiet one, which goes on polling" do
    started
    Karafka::Embedded.quiet
    events.await("app.quiet")
    expect(listener).to be_quiet
    expect(order("app.quieting", "connection.listener.quieting", "connection.listener.quiet", "app.quiet"))
      .to eq(%w[app.quieting connection.listener.quieting connection.listener.quiet app.quiet])
    count = events.of("connection.listener.fetch_loop").size
    eventually("another poll") { events.of("connection.listener.fetch_loop").size > count }
  end

  it "connection.listener.before_fetch_loop, .fetch_loop, .after_fetch_loop" do
    started
    Karafka::Embedded.stop

    names = %w[before_fetch_loop fetch_loop after_fetch_loop].map { |name| "connection.listener.#{name}" }
    expect(order(*names).uniq).to eq(names)
    expect(names.flat_map { |name| events.of(name).map(&:payload) })
      .to all(eq(caller: listener, client: listener.client, subscription_group: group))
    expect(listener.client).to respond_to(:id, :name, :assignment_lost?, :query_watermark_offsets, :committed)
    beginning = %w[starting before_fetch_loop running].map { |name| "connection.listener.#{name}" }
    expect(order(*beginning)).to eq(beginning)
  end

  it "connection.listener.fetch_loop.received" do
    started
    feed(topic, %w[1 2 3], partition: 1)
    event = events.await("connection.listener.fetch_loop.received") { |received| received[:messages_buffer].present? }

    expect(event.payload)
      .to include(caller: listener, client: listener.client, subscription_group: group, time: be_a(Float))
    parts = event[:messages_buffer].enum_for(:each).to_a
    expect(parts.size).to eq(1)
    name, number, messages, eof, polled_at = parts.first
    expect([name, number, eof]).to eq([topic, 1, false])
    expect(messages.map(&:raw_payload)).to eq(%w[1 2 3].first(messages.size))
    expect(event[:messages_buffer].size).to eq(messages.size)
    expect(polled_at).to be_a(Float)
    empty = events.await("connection.listener.fetch_loop.received") { |received| received[:messages_buffer].empty? }
    expect(empty[:messages_buffer].enum_for(:each).to_a).to eq([])
  end

  it "worker.scaling.up, worker.scaling.down" do
    started
    Karafka::Server.workers.scale(7)
    Karafka::Server.workers.scale(7)
    Karafka::Server.workers.scale(2)

    told = events.all.select { |event| event.id.start_with?("worker.") }
    expect(told.map { |event| [event.id, event[:from], event[:to]] })
      .to eq([["worker.scaling.up", 0, 5], ["worker.scaling.up", 5, 7], ["worker.scaling.down", 7, 2]])
    expect(told.map { |event| event[:workers_pool] }).to all(equal(Karafka::Server.workers))
  end

  it "go on when each of their subscribers raises" do
    Karafka::Instrumentation::Notifications::EVENTS.each do |id|
      Karafka.monitor.subscribe(id) { raise NotImplementedError, id }
    end
    consumed = Queue.new
    other = KafkaServer.create_topic("refunds")
    route(other, consumer_class { consumed << messages.size })
    Karafka::Embedded.start
    eventually("assignment", within: 30) { assigned.values.sum == 3 }
    Karafka::Embedded.quiet
    expect(Karafka::Embedded.wait_until(:quiet, timeout: 10_000)).to be(true)
    expect(Karafka::Embedded.stop).to be_clean
    expect(errors.map { |error| error.error.message }).to include("app.running", "rebalance.partitions_assigned")
    expect(Karafka::App).to be_terminated
  end
end
