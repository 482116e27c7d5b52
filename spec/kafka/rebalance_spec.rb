# frozen_string_literal: true

require "tmpdir"

RSpec.describe "Another member that comes and goes" do
  around { |example| Dir.mktmpdir { |directory| (@directory = directory) && example.run } }

  let(:partitions) { 4 }
  let(:total) { 20_000 }
  let(:topic) { KafkaServer.create_topic("orders", partitions: partitions) }
  let(:consumed) { Array.new(partitions) { [] } }
  let(:revoked) { Queue.new }
  let(:journal) { Journal.new(File.join(@directory, "journal")) }
  let(:group) { unique("group") }

  before do
    setup_embedded(KafkaServer.bootstrap, kafka: strategy) do |config|
      config.group_id = group
      config.max_messages = 20
    end
    offsets = consumed
    gone = revoked
    route(topic, consumer_class(revoked: proc { gone << partition }) do
      messages.each { |message| offsets[partition] << message.offset }
      sleep(0.02)
    end)
    Feed.open(KafkaServer.bootstrap) do |feed|
      partitions.times { |n| feed.send(topic, Array.new(total / partitions, &:to_s), partition: n) }
    end
    start_with({ topic => partitions })
    eventually("messages") { consumed.none?(&:empty?) }
  end

  def with_member(&block)
    ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: topic, group: group, batch_ms: 20,
                                journal: journal.path, kafka: strategy, &block)
  end

  def all_places
    here = consumed.each_with_index.flat_map { |offsets, number| offsets.map { |offset| [number, offset] } }
    here + journal.entries.map(&:place)
  end

  shared_examples "a group" do
    it "takes its share, gives it back, and each message is consumed once" do
      with_member do |member|
        reading = StopwatchThread.during do
          member.await(:assigned)
          eventually("share", within: 30) { assigned == { topic => partitions / 2 } }
        end
        Acceptance.note("rebalance: #{reading.took} ms, longest gap #{reading.longest_gap} ms")
        expect(reading.longest_gap).to be < 250
        eventually("messages of the other") { journal.entries.any? }
        expect(Array.new(revoked.size) { revoked.pop }.uniq.size).to be >= partitions / 2
        member.signal(:TERM)
        expect(member.await(:stopped)[:report]).to include(clean: true)
      end
      eventually("its share back", within: 30) { assigned == { topic => partitions } }
      eventually("all messages", within: 60) { all_places.uniq.size == total }
      expect(Karafka::Embedded.stop).to be_clean
      # Everything was marked and committed before it was given away
      expect(all_places.size).to eq(total)
      expect(errors).to be_empty
    end
  end

  describe "in a group that revokes all partitions first" do
    let(:strategy) { { "partition.assignment.strategy": "range" } }

    it_behaves_like "a group"
  end

  describe "in a group that deals them out in turn" do
    let(:strategy) { { "partition.assignment.strategy": "roundrobin" } }

    it_behaves_like "a group"
  end

  describe "in a group that moves only what has to (KIP-429)" do
    let(:strategy) { { "partition.assignment.strategy": "cooperative-sticky" } }

    it_behaves_like "a group"
  end

  describe "in a group of the new protocol (KIP-848)" do
    let(:strategy) { { "group.protocol": "consumer" } }

    it_behaves_like "a group"
  end
end
