# frozen_string_literal: true

require "json"
require "logger"

# What no broker here can be made to tell at will
RSpec.describe Karafka::Embedded::EventDispatcher do
  subject(:dispatcher) { described_class.new(engine, plan, [listener], incidents, on_death: ->(_) {}) }

  let(:engine) do
    Class.new do
      attr_accessor :told
      attr_reader :wanted

      def next_event(_timeout) = told.shift || :closed
      def nudge_events = nil
      def poll_turns = [1]
      def job_counts = [0, 0]
      def want_statistics = @wanted = true
      def client(_group) = @client ||= FakeClient.new
    end.new
  end
  let(:incidents) { Karafka::Embedded::CrashPolicy::Incidents.new { nil } }
  let(:plan) { Karafka::Routing::EnginePlan.new }
  let(:group) { plan.subscription_group(0) }
  let(:listener) { Karafka::Embedded::Listener.new(group, Karafka::Connection::Client.new(group, native: -> {})) }
  let(:group_details) { { subscription_group_id: group.id, consumer_group_id: "app", group_id: "app" } }
  let(:events) { EventRecorder.new(*(Karafka::Instrumentation::Notifications::EVENTS - %w[statistics.emitted])) }

  before do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer))
    stub_const("FakeClient", Class.new do
      def calls = @calls ||= []
      def set_token(*arguments) = calls << [:token, *arguments]
      def set_token_failure(*arguments) = calls << [:failure, *arguments]
    end)
    setup_app { |config| config.logger = Logger.new(File::NULL) }
    draw { topic(:orders) { consumer OrdersConsumer } }
    Karafka.monitor.unsubscribe(Karafka::Instrumentation::AssignmentsTracker.instance)
    events
  end

  def tell(*told)
    engine.told = told.map { |event| event.is_a?(Hash) ? JSON.generate(group: 0, **event) : event }
    dispatcher.start.join(20_000)
  end

  def error(code, severity: "passing", group: 0)
    { event: "error", group: group, code: code, message: "what happened", severity: severity }
  end

  it "counts subscribers as code that runs" do
    inside = [false]
    Karafka::App.config.internal.code = Class.new(Karafka::Embedded::Code) do
      define_method(:enter) do |&code|
        inside << true
        code.call
      ensure
        inside.pop
      end
    end.new
    seen = []
    Karafka.monitor.subscribe("client.resume") { seen << inside.last }
    Karafka.monitor.subscribe("statistics.emitted") { seen << inside.last }
    tell({ event: "resumed", topic: "orders", partition: 1 }, [0, "{}"])

    expect(seen).to eq([true, true])
    expect(inside).to eq([false])
  end

  it "tells client.pause and client.resume" do
    tell({ event: "paused", topic: "orders", partition: 1, offset: 7, timeout: 100 },
         { event: "paused", topic: "orders", partition: 1, offset: nil, timeout: nil },
         { event: "resumed", topic: "orders", partition: 1 })

    place = { caller: listener.client, subscription_group: group, topic: "orders", partition: 1 }
    expect(events.of("client.pause").map(&:payload))
      .to eq([{ **place, offset: 7, timeout: 100 }, { **place, offset: nil, timeout: nil }])
    expect(events.of("client.resume").map(&:payload)).to eq([place])
  end

  it "tells client.reset, and how long it took" do
    tell({ event: "client_reset", client: "karafka#consumer-2", took_ms: 12.5 })

    expect(events.of("client.reset").map(&:payload))
      .to eq([{ caller: listener.client, subscription_group: group, time: 12.5 }])
    expect(listener.name).to eq("karafka#consumer-2")
  end

  it "tells of a client that could not go on, and only of that as fatal" do
    tell(error(82, severity: "critical"),
         { event: "group_failed", code: 82, message: "fenced", retry_in_ms: 1_000 },
         { event: "group_failed", code: 0, message: "panicked", retry_in_ms: nil })

    told = events.of("error.occurred").map(&:payload)
    expect(told.map { |payload| payload[:type] })
      .to eq(%w[connection.client.poll.error connection.listener.fetch_loop.error connection.listener.fetch_loop.error])
    expect(told.first(2).map { |payload| payload[:error].fatal? }).to eq([false, true])
    expect(told.last[:error]).to be_a(Karafka::Embedded::EngineError)
    expect(told).to all(include(caller: listener, **group_details))
  end

  it "tells errors by where they come from" do
    tell(error(-195), error(-147), error(29), error(0), error(0, group: nil))

    told = events.of("error.occurred").map(&:payload)
    expect(told.map { |payload| payload[:type] }).to eq(
      %w[librdkafka.error connection.client.poll.error connection.client.poll.error connection.listener.fetch_loop.error
         runner.call.error]
    )
    expect(told.first(4)).to all(include(caller: listener, error: be_a(StandardError), **group_details))
    expect(told.last.keys).to contain_exactly(:caller, :error, :type)
  end

  it "passes a token on" do
    Karafka.monitor.subscribe("oauthbearer.token_refresh") do |event|
      event[:bearer].oauthbearer_set_token(token: "t", lifetime_ms: 5, principal_name: "orders")
    end
    tell({ event: "token_refresh" })

    expect(events.of("oauthbearer.token_refresh").first.payload.keys).to contain_exactly(:bearer, :caller)
    expect(engine.client(0).calls).to eq([[:token, "t", 5, "orders", "{}"]])
  end

  it "tells the client that there is no token when its provider raises" do
    Karafka.monitor.subscribe("oauthbearer.token_refresh") { raise "no idp" }
    tell({ event: "token_refresh" })

    expect(engine.client(0).calls).to eq([[:failure, "RuntimeError: no idp"]])
    expect(events.of("error.occurred").first.payload)
      .to include(type: "callbacks.oauthbearer_token_refresh.error", **group_details)
  end

  it "asks for statistics when somebody subscribes, and puts them together" do
    tell
    expect(engine.wanted).to be_nil

    got = EventRecorder.new("statistics.emitted")
    frame = '{"name":"c#consumer-1","topics":{"orders":{"partitions":{}}}}'
    parts = %w[0 1].map { |number| %({"topic":"orders","partitions":{"#{number}":{"consumer_lag":#{number}}}}) }
    tell([0, frame, *parts])

    expect(engine.wanted).to be(true)
    payload = got.all.first.payload
    expect(payload.keys).to contain_exactly(:subscription_group_id, :consumer_group_id, :group_id, :statistics)
    expect(payload[:statistics]).to be_frozen.and eq(
      "name" => "c#consumer-1",
      "topics" => { "orders" => { "partitions" => { "0" => { "consumer_lag" => 0 }, "1" => { "consumer_lag" => 1 } } } }
    )
    expect(payload[:statistics]["topics"]["orders"]["partitions"]["1"]).to be_frozen
  end

  it "goes on when subscribers raise, and reports where" do
    Karafka.monitor.subscribe("statistics.emitted") { raise "statistics" }
    Karafka.monitor.subscribe("rebalance.partitions_assigned") { raise NotImplementedError, "assigned" }
    tell([0, "{}"], { event: "rebalance", step: "assigned", partitions: [] }, error(-195))

    expect(events.of("error.occurred").map { |event| [event[:type], event[:error].message] }.first(2)).to eq(
      [%w[callbacks.statistics.error statistics], %w[callbacks.rebalance.partitions_assigned.error assigned]]
    )
    expect(events.of("error.occurred")[1].payload).to include(client_id: listener.name, **group_details)
    expect(events.of("error.occurred").last[:type]).to eq("librdkafka.error")
  end

  it "goes on when who hears of errors raises" do
    heard = 0
    Karafka.monitor.subscribe("error.occurred") do
      heard += 1
      raise NotImplementedError
    end
    tell(error(-195), error(-195))

    expect(heard).to eq(2)
  end
end
