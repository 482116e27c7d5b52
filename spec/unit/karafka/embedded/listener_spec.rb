# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Listener do
  subject(:listener) { described_class.new(group, client) }

  let(:events) do
    ids = Karafka::Instrumentation::Notifications::EVENTS.grep(/\Aconnection|\Aclient|\Aerror/) - [received]
    EventRecorder.new(*ids)
  end
  let(:received) { "connection.listener.fetch_loop.received" }
  let(:group) { Karafka::App.routes.first.subscription_groups.first }
  let(:client) { Karafka::Connection::Client.new(group, native: -> { Struct.new(:assignment_lost?).new(false) }) }
  let(:lease) { FakeNative::Lease.new(kind: :consume, partition: FakeNative::Partition.new, batch: batch_of("1", "2")) }

  before do
    setup_app
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer))
    draw { topic(:orders) { consumer OrdersConsumer } }
    events
  end

  def what
    events.ids.map { |id| id.delete_prefix("connection.listener.") }
  end

  it "tells each state once, and goes only forward" do
    listener.advance_to(:pending)
    expect(listener).to be_pending.and have_attributes(active?: false)
    2.times { listener.started("karafka#consumer-1") }
    expect(listener).to be_running.and be_active.and have_attributes(name: "karafka#consumer-1")
    listener.advance_to(:stopping)
    expect(listener).to have_attributes(active?: false)
    listener.advance_to(:quiet)
    listener.advance_to(:stopped)

    expect(what).to eq(%w[pending starting before_fetch_loop running quieting quiet stopping stopped after_fetch_loop])
    expect(events.all.map { |event| event[:caller] }).to all(equal(listener))
    expect(events.of("connection.listener.before_fetch_loop").first.payload)
      .to eq(caller: listener, client: client, subscription_group: group)
  end

  it "has no life to tell of when it never began" do
    listener.advance_to(:pending)
    listener.advance_to(:stopped)

    expect(what).to eq(%w[pending stopped])
  end

  it "tells that it was polled while it works" do
    listener.advance_to(:pending)
    listener.polled
    listener.started("c")
    listener.polled

    expect(what.last(2)).to eq(%w[client.events_poll fetch_loop])
    expect(events.of("client.events_poll").map(&:payload)).to eq([{ caller: client, subscription_group: group }])
  end

  it "tells what came, where somebody wants to know" do
    listener.started("c")
    listener.received(lease) { raise "nobody wants to know" }
    polls = EventRecorder.new(received)
    listener.received(lease) { group.topics.first }
    2.times { listener.polled }

    payload = polls.of(received).first.payload
    expect(payload).to include(caller: listener, client: client, subscription_group: group, time: be_a(Float))
    expect(payload[:messages_buffer]).to have_attributes(size: 2, empty?: false, present?: true)
    parts = payload[:messages_buffer].enum_for(:each).to_a
    expect(parts.map { |topic, partition, messages, eof, _| [topic, partition, messages.map(&:raw_payload), eof] })
      .to eq([["orders", 0, %w[1 2], false]])
    # One poll brought them, the next one nothing
    expect(polls.all.drop(1).map { |event| event[:messages_buffer].size }).to eq([0])
  end

  it "goes on when a subscriber raises" do
    Karafka.monitor.subscribe("connection.listener.starting") { raise "starting" }
    Karafka.monitor.subscribe("client.events_poll") { raise "poll" }
    Karafka.monitor.subscribe(received) { raise "received" }
    listener.started("c")
    listener.polled
    listener.received(lease) { group.topics.first }

    expect(listener).to be_running
    expect(what).to include("running", "fetch_loop")
    told = events.of("error.occurred").map { |event| [event[:type], event[:error].message] }
    expect(told.uniq).to eq(%w[starting poll received].map { |text| ["connection.listener.fetch_loop.error", text] })
  end
end
