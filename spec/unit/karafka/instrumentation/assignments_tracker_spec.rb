# frozen_string_literal: true

RSpec.describe Karafka::Instrumentation::AssignmentsTracker do
  subject(:tracker) { described_class.instance }

  let(:group) { Karafka::App.routes.first.subscription_groups.first }
  let(:topic) { group.topics.first }

  before do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer))
    setup_app
    draw { topic(:orders) { consumer OrdersConsumer } }
  end

  def emit(event, **payload)
    Karafka.monitor.instrument(event, { subscription_group: group, **payload })
  end

  def list(*numbers)
    { "orders" => numbers.map { |number| FakeNative::Partition.new(partition: number) } }
  end

  it "follows the rebalances" do
    emit("rebalance.partitions_assigned", tpl: list(2, 0))
    expect(Karafka::App.assignments).to eq(topic => [0, 2])
    expect(Karafka::App.assignments).to be_frozen
    expect(Karafka::App.assignments[topic]).to be_frozen

    emit("rebalance.partitions_revoked", tpl: list(0))
    expect(tracker.inspect).to include("orders=[2]")
    emit("rebalance.partitions_revoked", tpl: list(2))
    expect(Karafka::App.assignments).to eq({})
  end

  it "counts how many times a partition came" do
    2.times { emit("rebalance.partitions_assigned", tpl: list(1)) }

    expect(described_class.generation(topic, 1)).to eq(2)
    expect(described_class.generation(topic, 5)).to eq(0)
    expect(described_class.generations).to eq(topic => { 1 => 2 })
  end

  it "forgets what a lost client had" do
    emit("rebalance.partitions_assigned", tpl: list(1))
    emit("client.reset", caller: nil)
    expect(tracker.current).to be_empty

    emit("rebalance.partitions_assigned", tpl: list(1))
    emit("client.events_poll", caller: Struct.new(:assignment_lost?).new(true))
    expect(tracker.current).to be_empty
  end
end
