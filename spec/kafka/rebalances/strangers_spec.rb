# frozen_string_literal: true

require "tmpdir"

RSpec.describe "A group with members that are not ours" do
  around { |example| Dir.mktmpdir { |directory| (@directory = directory) && example.run } }

  let(:partitions) { 4 }
  let(:topic) { KafkaServer.create_topic("orders", partitions: partitions) }
  let(:group) { unique("group") }
  let(:consumed) { Queue.new }
  let(:journal) { Journal.new(File.join(@directory, "journal")) }

  def feed_all(count)
    partitions.times { |number| feed(topic, Array.new(count, &:to_s), partition: number) }
  end

  def places
    Array.new(consumed.size) { consumed.pop.tap { |place| consumed << place } } + journal.entries.map(&:place)
  end

  {
    "range" => { "partition.assignment.strategy": "range" },
    "roundrobin" => { "partition.assignment.strategy": "roundrobin" },
    "cooperative-sticky" => { "partition.assignment.strategy": "cooperative-sticky" },
    # The strategy that both know is used
    "one in common" => { "partition.assignment.strategy": "range,roundrobin" }
  }.each do |name, strategy|
    it "shares with kcat and takes back, each message once (#{name})" do
      kafka = { "session.timeout.ms": 6_000, "heartbeat.interval.ms": 200 }
      setup_embedded(KafkaServer.bootstrap, kafka: { **kafka, **strategy }) { |config| config.group_id = group }
      seen = consumed
      route(topic, consumer_class { messages.each { |message| seen << [partition, message.offset] } })
      start_with({ topic => partitions })
      feed_all(10)
      eventually("our messages") { consumed.size == 40 }
      strange = name == "one in common" ? { "partition.assignment.strategy": "roundrobin" } : strategy
      command = IndependentMember.kcat(KafkaServer.bootstrap, topic: topic, group: group, kafka: { **kafka, **strange })
      IndependentMember.open(command, journal) do
        eventually("shares", within: 30) { assigned == { topic => 2 } }
        feed_all(10)
        eventually("messages of both", within: 30) { consumed.size + journal.entries.size >= 80 }
        expect(journal.entries.size).to eq(20)
      end
      eventually("its share back", within: 30) { assigned == { topic => partitions } }
      feed_all(10)
      eventually("the rest") { places.size >= 120 }
      expect(places.tally.values).to all(eq(1))
      expect(errors).to be_empty
    end
  end

  it "goes on after it was silent for longer than its session, and commits nothing of what it lost" do
    kafka = { "session.timeout.ms": 3_000, "heartbeat.interval.ms": 200 }
    setup_embedded(KafkaServer.bootstrap, kafka: kafka) { |config| config.group_id = group }
    seen = consumed
    route(topic, consumer_class { messages.each { |message| seen << [partition, message.offset] } })
    ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: topic, group: group, batch_ms: 0,
                                journal: journal.path, kafka: kafka) do |process|
      process.await(:assigned)
      start_with({ topic => 2 })
      feed_all(10)
      eventually("messages of both") { places.size == 40 }
      process.signal(:STOP)
      eventually("its partitions", within: 30) { assigned == { topic => partitions } }
      feed_all(10)
      eventually("messages of it", within: 30) { places.uniq.size == 80 }
      process.signal(:CONT)
      eventually("shares", within: 30) { assigned == { topic => 2 } }
      feed_all(10)
      eventually("the rest", within: 30) { places.uniq.size == 120 }
      process.signal(:TERM)
      expect(process.await(:stopped)[:report]).to include(clean: true)
    end
    eventually("everything", within: 30) { assigned == { topic => partitions } }
    expect(Karafka::Embedded.stop).to be_clean
    committed = Array.new(partitions) { |number| KafkaServer.committed(group, topic, number) }
    expect(committed).to all(eq(30))
  end
end
