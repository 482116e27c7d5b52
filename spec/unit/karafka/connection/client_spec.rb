# frozen_string_literal: true

RSpec.describe Karafka::Connection::Client do
  subject(:client) { described_class.new(group, native: -> { native }, coordinators: -> { coordinators }) }

  let(:coordinators) { Array.new(2) { FakeNative::Partition.new } }
  let(:asked) { [] }
  let(:native) do
    asked = self.asked
    Class.new do
      define_method(:name) { "karafka#consumer-1" }
      define_method(:assignment_lost?) { false }
      define_method(:query_watermarks) { |*arguments| (asked << arguments) && [3, 9] }
      define_method(:committed) { |json, _| (asked << JSON.parse(json)) && '[{"topic":"t","partition":1,"offset":5}]' }
      define_method(:offsets_for_times) do |json, _|
        asked << JSON.parse(json)
        '[{"topic":"t","partition":1,"offset":null}]'
      end
    end.new
  end
  let(:group) do
    setup_app
    draw { topic(:t) { active false } }
    Karafka::App.routes.first.subscription_groups.first
  end

  it "asks for nothing before it is asked" do
    lazy = described_class.new(group, native: -> { raise "too early" })

    expect(lazy).to have_attributes(id: match(/\A\h{12}\z/), subscription_group: group)
    expect(lazy.inspect).to include(group.id)
  end

  it "has librdkafka's name, and knows whether its partitions are lost" do
    expect(client).to have_attributes(name: "karafka#consumer-1", assignment_lost?: false)
  end

  it "tells the ends of a partition" do
    expect(client.query_watermark_offsets("t", 1)).to eq([3, 9])
    expect(asked.first.first(2)).to eq(["t", 1])
  end

  it "tells what is committed, of a list" do
    list = Rdkafka::Consumer::TopicPartitionList.new
    list.add_topic("t", [1])

    expect(client.committed(list).to_h).to eq("t" => [Rdkafka::Consumer::Partition.new(1, 5)])
    expect(asked).to eq([[{ "topic" => "t", "partition" => 1 }]])
  end

  it "tells what is committed, of what it is assigned" do
    tracker = Karafka::Instrumentation::AssignmentsTracker.instance
    list = Rdkafka::Consumer::TopicPartitionList.new("t" => [Rdkafka::Consumer::Partition.new(1, 0)])
    tracker.on_rebalance_partitions_assigned({ subscription_group: group, tpl: list })
    client.committed

    expect(asked).to eq([[{ "topic" => "t", "partition" => 1 }]])
  end

  it "finds offsets" do
    wanted = [{ partition: 1, offset: :earliest }, { partition: 1, offset: :latest }, { partition: 1, offset: 17 },
              { partition: 1, offset: :max_timestamp }]

    expect(client.read_partition_offsets("t" => wanted).map { |one| one[:offset] }).to eq([3, 9, nil, nil])
    expect(asked.last(2).flatten.map { |one| one["timestamp"] }).to eq([17, -3])
  end

  it "commits what its consumers marked" do
    expect([client.commit_offsets, client.commit_offsets!]).to eq([true, true])
    expect(coordinators.map(&:calls)).to all(eq([[:commit], [:commit!]]))

    coordinators.last.lost = true
    expect(client.commit_offsets).to be(false)
  end
end
