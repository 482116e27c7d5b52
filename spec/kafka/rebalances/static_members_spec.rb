# frozen_string_literal: true

require "tmpdir"

RSpec.describe "Members with a group.instance.id (KIP-345)" do
  around { |example| Dir.mktmpdir { |directory| (@directory = directory) && example.run } }

  let(:partitions) { 4 }
  let(:topic) { KafkaServer.create_topic("orders", partitions: partitions) }
  let(:group) { unique("group") }
  let(:consumed) { Queue.new }
  let(:journal) { Journal.new(File.join(@directory, "journal")) }
  let(:kafka) { { "session.timeout.ms": 6_000, "heartbeat.interval.ms": 200, "metadata.max.age.ms": 1_000 } }

  def set_up(kafka = self.kafka)
    setup_embedded(KafkaServer.bootstrap, kafka: { "group.instance.id": "spec", **kafka }) do |config|
      config.group_id = group
    end
    places = consumed
    route(topic, consumer_class { messages.each { |message| places << [partition, message.offset] } })
  end

  def with_process(instance, kafka = self.kafka, &block)
    ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: topic, group: group, batch_ms: 0,
                                journal: journal.path, kafka: { "group.instance.id": instance, **kafka }, &block)
  end

  def feed_all(count)
    partitions.times { |number| feed(topic, Array.new(count, &:to_s), partition: number) }
  end

  def own_partitions
    Karafka::Embedded.health[:groups].first[:assigned].map { |one| one[:partition] }
  end

  it "have the position of their subscription group in the id" do
    set_up
    expect(Karafka::App.subscription_groups.values.flatten.first.kafka[:"group.instance.id"]).to eq("spec_0")
  end

  it "keep their partitions when they come back within their session, and others notice nothing" do
    set_up
    start_with({ topic => partitions })
    with_process("other") do |process|
      eventually("shares", within: 30) { assigned == { topic => 2 } }
      feed_all(5)
      eventually("messages of both") { consumed.size + journal.entries.size == 20 }
      before = own_partitions

      expect(Karafka::Embedded.stop).to be_clean
      start_with({ topic => 2 })
      expect(own_partitions).to eq(before)
      feed_all(5)
      eventually("more messages of both") { consumed.size + journal.entries.size == 40 }
      expect(journal.entries.map { |entry| [entry.number, entry.stint] }.uniq.size).to eq(2)
      expect((Array.new(consumed.size) { consumed.pop } + journal.entries.map(&:place)).uniq.size).to eq(40)
      expect(process.tap { |one| one.signal(:TERM) }.await(:stopped)[:report]).to include(clean: true)
    end
    expect(errors).to be_empty
  end

  it "are fenced when another has their id, say so, and come back when it is free" do
    set_up
    start_with({ topic => partitions })
    # Its own subscription group has the same position
    with_process("spec") do |thief|
      fenced = eventually("report", within: 30) { errors.find { |one| one.error.respond_to?(:code) } }
      expect(fenced).to have_attributes(
        type: "connection.listener.fetch_loop.error",
        error: have_attributes(code: :fenced_instance_id, message: /group\.instance\.id/)
      )
      expect(Karafka::Embedded.health).to include(
        state: :running, healthy: false, reasons: include(/group\.instance\.id/)
      )
      feed_all(5)
      eventually("messages of the other", within: 30) { journal.entries.size == 20 }
      expect(thief).not_to be_ended
      expect(assigned).to be_empty
      thief.kill
    end
    # Its session has to end
    eventually("return", within: 60) { assigned == { topic => partitions } }
    eventually("health") { Karafka::Embedded.healthy? }
    feed_all(5)
    eventually("messages") { consumed.size >= 20 }
  end

  it "wait for their id in a group of the new protocol (KIP-848), and say for what" do
    protocol = { "group.protocol": "consumer" }
    with_process("spec", protocol) do |process|
      process.await(:assigned)
      set_up(protocol)
      Karafka::Embedded.start
      refused = eventually("report", within: 30) { errors.first }
      expect(refused).to have_attributes(
        type: "connection.listener.fetch_loop.error",
        error: have_attributes(code: :unreleased_instance_id, message: /group\.instance\.id/)
      )
      expect(Karafka::Embedded.health).to include(
        state: :running, healthy: false, reasons: include(/group\.instance\.id/)
      )
      process.signal(:TERM)
      process.await(:stopped)
    end
    eventually("its turn", within: 60) { assigned == { topic => partitions } }
    eventually("health") { Karafka::Embedded.healthy? }
  end
end
