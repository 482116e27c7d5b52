# frozen_string_literal: true

require "set"
require "tmpdir"

RSpec.describe "A consuming process that is killed again and again" do
  let(:total) { Acceptance.size(full: 300_000, short: 48_000) }
  let(:kills) { Acceptance.size(full: 30, short: 5) }
  let(:partitions) { 4 }
  let(:topic) { KafkaServer.create_topic("payments", partitions: partitions) }
  let(:journals) { [] }
  let(:running_batches) { Karafka::App.config.concurrency * Karafka::App.config.max_messages }
  # A member that was killed is missed after its session only; one with an instance id (KIP-345) is succeeded at once
  let(:membership) { { "group.instance.id": "spec", "session.timeout.ms": 6_000 } }
  let(:group) { unique("group") }

  before do
    Feed.open(KafkaServer.bootstrap) do |feed|
      partitions.times { |n| feed.send(topic, Array.new(total / partitions, &:to_s), partition: n) }
    end
  end

  around { |example| Dir.mktmpdir { |directory| (@directory = directory) && example.run } }

  def consuming_process(&block)
    journals << Journal.new(File.join(@directory, "journal-#{journals.size}"))
    ChildProcess.open(:journal, bootstrap: KafkaServer.bootstrap, topic: topic, group: group, batch_ms: 40,
                                journal: journals.last.path, kafka: membership, &block)
  end

  # It may land anywhere: before the process has joined, in a batch, in a commit
  def kill_at_a_random_moment
    consuming_process do |child|
      moment = Eventually.now + rand(0.2..2.0)
      eventually("moment of the kill") { Eventually.now >= moment }
      child.kill
    end
  end

  def consume_the_rest
    seen = journals.flat_map(&:entries).to_set(&:place)
    consuming_process do |child|
      # There may be nothing left for it: before it runs it does not hear the signal
      child.await(:assigned)
      eventually("the last message", within: 120) do
        raise child.complaints if child.ended?

        seen.merge(journals.last.entries.map(&:place)).size == total
      end
      child.signal(:TERM)
      expect(child.await(:stopped)[:report]).to include(clean: true)
    end
  end

  # @return [Array<Integer>] how much each process had consumed that a later one consumed again
  def repeated
    later = Set.new
    journals.reverse.map do |journal|
      places = journal.entries.to_set(&:place)
      (places & later).size.tap { later.merge(places) }
    end.reverse
  end

  it "loses no message and repeats at most a second of work and the running batches" do
    kills.times { kill_at_a_random_moment }
    consume_the_rest

    repeats = repeated
    bounds = journals.map { |journal| journal.count_in_last(1_000) + running_batches }
    Acceptance.note("#{kills} kills, #{total} messages: #{repeats.sum} repeated, at most #{repeats.max} a kill " \
                    "(bound there #{bounds[repeats.index(repeats.max)]})")
    expect(repeats.zip(bounds)).to all(satisfy("be within its bound") { |count, bound| count <= bound })
    expect(journals.map { |journal| journal.entries.size - journal.entries.to_set(&:place).size }).to all(be_zero)
  end
end
