# frozen_string_literal: true

require "stringio"

RSpec.describe Karafka::Instrumentation::LoggerListener do
  let(:log) { StringIO.new }
  let(:group) { Karafka::App.routes.first.subscription_groups.first }

  before do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) { def consume = raise("bad order") })
    setup_app { |config| config.logger = Logger.new(log) }
    draw { topic(:orders) { consumer OrdersConsumer } }
    Karafka.monitor.subscribe(described_class.new)
  end

  def emit(event, **payload)
    Karafka.monitor.instrument(event, payload)
    log.string
  end

  it "tells subscriptions and rebalances" do
    listener = Struct.new(:id).new("l1")

    expect(emit("connection.listener.before_fetch_loop", caller: listener, subscription_group: group))
      .to include("[l1] Group app/#{group.id} subscribing to topics: orders")
    tpl = { "orders" => [FakeNative::Partition.new, FakeNative::Partition.new(partition: 1)] }
    expect(emit("rebalance.partitions_assigned", tpl: tpl, client_id: "c", consumer_group_id: "app",
                                                 subscription_group: group))
      .to include("[c] Group app rebalance: orders-[0,1] assigned")
  end

  it "tells jobs and their errors" do
    topic = group.topics.first
    lease = FakeNative::Lease.new(kind: :consume, partition: FakeNative::Partition.new, batch: batch_of("1"))
    work_on(Karafka::Processing::Executors.new, lease, topic)

    expect(log.string).to match(/Consume job for OrdersConsumer on orders-0 started/)
      .and match(/Consume job for OrdersConsumer on orders-0 finished in [\d.]+ ms/)
      .and match(/Consumer consuming error: bad order \[consumer_group: app, topic: orders, partition: 0/)
      .and match(/Retrying of OrdersConsumer after 2000 ms on topic orders-0/)
  end

  it "tells the states" do
    Karafka::App.run!
    Karafka::App.stop!
    Karafka::App.stopped!

    expect(log.string).to include("Running Karafka #{Karafka::VERSION} server")
      .and include("Stopping Karafka server").and include("Stopped Karafka server")
  end

  it "tells what was cut off" do
    error = Karafka::Errors::ForcefulShutdownError.new

    expect(emit("error.occurred", type: "app.stopping.error", error: error, caller: nil, active_listeners: [1],
                                  alive_workers: [1, 2]))
      .to include("Forceful Karafka server stop with: 2 active workers and 1 active listeners")
  end

  it "is quiet about polling when told so" do
    listener = described_class.new(log_polling: false)
    listener.on_connection_listener_fetch_loop(nil)
    listener.on_connection_listener_fetch_loop_received(nil)

    expect(log.string).not_to include("Poll")
  end

  it "hears of polls only where it logs them, or a subclass does something with them" do
    subclass = Class.new(described_class) { def on_connection_listener_fetch_loop(_event) = :counted }
    listeners = [described_class.new(log_polling: false), described_class.new, subclass.new(log_polling: false)]
    heard = listeners.map do |listener|
      monitor = Karafka::Instrumentation::Monitor.new
      monitor.subscribe(listener)
      monitor.subscribed?("connection.listener.fetch_loop")
    end

    expect(heard).to eq([false, true, true])
  end

  it "shows the state in the title of the process" do
    allow(Process).to receive(:setproctitle)
    Karafka.monitor.subscribe(Karafka::Instrumentation::ProctitleListener.new)
    Karafka::App.run!

    expect(Process).to have_received(:setproctitle).with("karafka karafka (running)")
  end
end
