# frozen_string_literal: true

require "timeout"

# User code is interrupted wherever it is: by Timeout, by Thread#raise and by Thread#kill, on the workers' own threads.
RSpec.describe "Interrupted workers" do
  let(:rounds) { 200 }
  let(:total) { 20_000 }
  let(:partitions) { 4 }
  let(:topic) { create_topic("orders", partitions: partitions) }
  let(:consumed) { Array.new(partitions) { [] } }
  let(:interruption) { Class.new(StandardError) }

  before do
    setup_embedded(bootstrap) do |config|
      config.concurrency = 3
      config.max_messages = 10
      config.pause.timeout = 1
      config.pause.max_timeout = 2
    end
  end

  def fill
    Feed.open(bootstrap) do |feed|
      partitions.times { |n| feed.send(topic, Array.new(total / partitions, &:to_s), partition: n) }
    end
  end

  # Marked one by one, so that what an interruption repeats is little
  def counting_consumer(&work)
    offsets = consumed
    consumer_class do
      messages.each do |message|
        offsets[partition] << message.offset
        work&.call
        mark_as_consumed(message)
      end
    end
  end

  def workers
    Karafka::Embedded.runtime.pool.alive
  end

  def threads
    Thread.list.select { |thread| thread.name&.start_with?("karafka.worker#") }
  end

  # Each consumed at least once, and no offset before the ones that lead to it. However long all of them take: under GC
  # stress a message may have to wait for several collections.
  def expect_nothing_lost
    furthest = place
    until all_consumed?
      eventually("consumption behind #{furthest}") { place > furthest || all_consumed? }
      furthest = [furthest, place].max
    end
    firsts = consumed.map(&:uniq)
    expect(firsts).to eq(Array.new(partitions) { (0...(total / partitions)).to_a })
  end

  # Where consumption is, over all partitions
  def place
    consumed.sum { |offsets| offsets.last || -1 }
  end

  def interrupt
    done = 0
    until done == rounds
      thread = threads.sample or next
      # Between two of them something has to be consumed: this is about batches that flow
      before = consumed.sum(&:size)
      yield thread
      done += 1
      eventually("consumption after #{done}", within: 20) { consumed.sum(&:size) > before || all_consumed? }
    end
  end

  def all_consumed?
    consumed.all? { |offsets| offsets.last == (total / partitions) - 1 }
  end

  def expect_three_workers
    eventually("three workers") { workers.size == 3 && threads.size == 3 }
    expect(Karafka::Embedded.health[:workers]).to include(size: 3, alive: 3)
    expect(Karafka::Embedded).to be_running
  end

  it "lose nothing to Thread#raise, and go on" do
    route(topic, counting_consumer { sleep(0.0001) })
    fill
    Karafka::Embedded.start
    interrupt { |thread| thread.raise(interruption, "asked to") }
    expect_three_workers
    expect_nothing_lost
    expect(errors.map(&:error)).to include(an_instance_of(interruption))
    expect(Karafka::Embedded.stop).to be_clean
  end

  it "lose nothing to Thread#kill, and are replaced" do
    route(topic, counting_consumer { sleep(0.0001) })
    fill
    Karafka::Embedded.start
    eventually("workers") { threads.size == 3 }
    former = threads
    interrupt(&:kill)
    expect_three_workers
    expect(threads & former).to be_empty
    expect_nothing_lost
    expect(errors.map { |reported| reported.error.message }).to include(/karafka\.worker#\d+ was killed; another takes/)
    expect(Karafka::Embedded.stop).to be_clean
  end

  it "lose nothing to Timeout in a consumer", :timing do
    calls = Queue.new
    limit = rounds
    work = proc do
      next sleep(0.0001) if calls.size >= limit

      calls << :one
      Timeout.timeout(0.001) { sleep(1) }
    end
    route(topic, counting_consumer(&work))
    fill
    Karafka::Embedded.start
    expect_nothing_lost
    expect_three_workers
    expect(errors.count { |reported| reported.error.is_a?(Timeout::Error) }).to eq(rounds)
    expect(Karafka::Embedded.stop).to be_clean
  end

  # Past some megabytes a batch has Ruby collect those that nobody has any more, which is when it looks at interrupts.
  it "are told of an interruption that comes while room is made for a batch" do
    left = [interruption.new("in a collection"), :kill]
    allow(GC).to receive(:start) do
      thread = Thread.current
      next unless thread.name&.start_with?("karafka.worker#") && (interruption = left.shift)

      interruption == :kill ? thread.kill : thread.raise(interruption)
    end
    kept = []
    seen = Queue.new
    route(topic, consumer_class do
      kept << messages
      messages.each { |message| seen << message.offset }
    end)
    Karafka::Embedded.start
    waves = 0
    until left.empty? || waves == 20
      Feed.open(bootstrap) { |feed| feed.send(topic, ["x" * 900_000] * 3, partition: 0) }
      waves += 1
      eventually("every message") { seen.size >= waves * 3 }
    end

    eventually("what was told") { errors.map { |one| one.error.message }.grep(/in a collection|was killed/).size == 2 }
    expect(Array.new(seen.size) { seen.pop }).to eq([*0...(waves * 3)])
    expect(left).to be_empty
    expect_three_workers
    expect(Karafka::Embedded.stop).to be_clean
  end

  it "rest between batches that end their threads each time, instead of being replaced without a pause" do
    Karafka::App.config.pause.timeout = Karafka::App.config.pause.max_timeout = 600_000
    calls = Queue.new
    pauses = Queue.new
    Karafka.monitor.subscribe("client.pause") { |event| pauses << event.payload }
    route(topic, consumer_class { (calls << messages.first.offset) && Thread.current.kill })
    Karafka::Embedded.start
    Feed.open(bootstrap) { |feed| feed.send(topic, %w[1 2 3], partition: 0) }

    eventually("a pause") { !pauses.empty? }
    expect(pauses.pop).to include(topic: topic, partition: 0, offset: 0, timeout: 600_000)
    expect(Array.new(calls.size) { calls.pop }).to eq([0] * 11)
    expect_three_workers
    expect(Karafka::Embedded.stop).to be_clean
  end

  it "look up from their wait for a job", :timing do
    route(topic, counting_consumer)
    start_with({ topic => partitions })
    eventually("idle workers") { Karafka::Embedded.health[:workers][:idle] == 3 }
    former = threads
    threads.each { |thread| thread.raise(interruption) }
    eventually("reports") { errors.size == 3 }
    expect_three_workers
    expect(threads).to match_array(former)
    threads.each(&:kill)
    eventually("others") { (threads & former).empty? && threads.size == 3 }
    fill
    expect_nothing_lost
  end
end
