# frozen_string_literal: true

require "open3"

RSpec.describe "Topics that change while they are consumed" do
  let(:topic) { KafkaServer.create_topic("orders") }
  let(:other) { KafkaServer.create_topic("refunds") }
  let(:consumed) { Queue.new }

  before do
    setup_embedded(KafkaServer.bootstrap, kafka: {
                     "allow.auto.create.topics": false, "topic.metadata.refresh.interval.ms": 500,
                     **(respond_to?(:protocol) ? protocol : {})
                   })
    seen = consumed
    reader = consumer_class { messages.each { |message| seen << [message.topic, partition, message.raw_payload] } }
    route(topic, reader)
    route(other, reader)
    start_with({ topic => 1, other => 1 })
  end

  def received
    eventually("message", within: 30) { consumed.pop unless consumed.empty? }
  end

  shared_examples "a group whose topics grow" do
    it "gets the partitions that are added" do
      KafkaServer.wire { |wire| wire.add_partitions(topic, total: 3) }
      eventually("more partitions", within: 30) { assigned == { topic => 3, other => 1 } }
      feed(topic, %w[a], partition: 2)
      expect(received).to eq([topic, 2, "a"])
      expect(errors).to be_empty
    end
  end

  describe "in a group that revokes all partitions first" do
    it_behaves_like "a group whose topics grow"
  end

  describe "in a group that moves only what has to (KIP-429)" do
    let(:protocol) { { "partition.assignment.strategy": "cooperative-sticky" } }

    it_behaves_like "a group whose topics grow"
  end

  describe "in a group of the new protocol (KIP-848)" do
    let(:protocol) { { "group.protocol": "consumer" } }

    it_behaves_like "a group whose topics grow"
  end

  it "are given up when they are deleted, which is reported, and consumed from when they are back" do
    feed(topic, %w[a])
    expect(received).to eq([topic, 0, "a"])
    KafkaServer.wire { |wire| wire.delete_topic(topic) }
    eventually("report", within: 30) { errors.any? { |one| one.error.message.include?(topic) } }
    eventually("loss", within: 30) { assigned == { other => 1 } }
    feed(other, %w[b])
    expect(received).to eq([other, 0, "b"])

    KafkaServer.wire { |wire| wire.create_topic(topic, partitions: 1, replication: 1) }
    eventually("return", within: 30) { assigned == { topic => 1, other => 1 } }
    feed(topic, %w[c])
    expect(received).to eq([topic, 0, "c"])
    expect(Karafka::Embedded).to be_running
    expect(errors.map(&:type).uniq).to eq(["connection.client.poll.error"])
  end
end
