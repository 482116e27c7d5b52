# frozen_string_literal: true

# R1 to R7: what runs where, when, and with which messages
RSpec.describe "Delivery rules" do
  it "R1: a partition has one job at a time, and partitions share the workers" do
    inside = Array.new(2, 0)
    most = [0, 0]
    met = []
    consuming(partitions: 2, concurrency: 3, max_messages: 1) do
      inside[partition] += 1
      most[partition] = [most[partition], inside[partition]].max
      Eventually.eventually("a job of the other partition") { met.any? || inside.all?(1) }
      met << partition
      inside[partition] -= 1
    end
    feed(topic, %w[d e f], partition: 1)

    eventually("all messages") { met.size == 6 }
    expect(most).to eq([1, 1])
  end

  it "R2: a partition that takes its time holds up no other, and is taken away after its job" do
    go_on = Queue.new
    seen = []
    gone = []
    consuming(%w[slow], partitions: 2, concurrency: 2, hooks: { revoked: proc { gone << [partition, seen.dup] } }) do
      seen << [partition, :begins]
      go_on.pop if messages.first.raw_payload == "slow"
      seen << [partition, :ends]
    end
    eventually("the slow job") { seen.include?([0, :begins]) }
    3.times do |count|
      feed(topic, %w[quick], partition: 1)
      eventually("quick jobs") { seen.count([1, :ends]) == count + 1 }
    end

    releasing = Thread.new do
      eventually("the rebalance") { events_of("rebalance.partitions_revoke").any? }
      go_on << true
    end
    with_rival(left: 1) { releasing.join }
    expect(gone.to_h[0]).to include([0, :ends])
    expect(committed).to eq(1)
  end

  it "R3: statistics come while a job runs" do
    told = Queue.new
    count = nil
    Karafka.monitor.subscribe("statistics.emitted") { |event| told << event[:statistics] }
    consuming(kafka: { "statistics.interval.ms": 50 }) do
      told.clear
      2.times { told.pop }
      count = 2
    end

    eventually("statistics") { count == 2 }
  end

  it "R4: a batch has at most max_messages, and gathers for max_wait_time only where that is set" do
    sizes = []
    consuming(%w[a b c d e], max_messages: 2) { sizes << messages.size }

    eventually("messages") { sizes.sum == 5 }
    expect(sizes.max).to eq(2)
  end

  it "R4: a batch that does not fill starts when max_wait_time is over" do
    batches = []
    consuming([], kafka: { "enable.partition.eof": nil }, max_wait_time: 3_000) { batches << messages.raw_payloads }
    %w[a b].each { |payload| feed(topic, [payload], partition: 0) }
    eventually("messages") { batches.any? }

    expect(batches).to eq([%w[a b]])
  end

  it "R4: a batch that is full does not wait for max_wait_time" do
    batches = []
    consuming([], kafka: { "enable.partition.eof": nil }, max_wait_time: 30_000, max_messages: 3) do
      batches << messages.raw_payloads
    end
    %w[a b c].each { |payload| feed(topic, [payload], partition: 0) }

    eventually("the batch") { batches.any? }
    expect(batches).to eq([%w[a b c]])
  end

  it "R4: a stop does not wait for max_wait_time" do
    consuming([], max_wait_time: 30_000, max_messages: 3) { nil }
    feed(topic, %w[a], partition: 0)

    expect(Karafka::Embedded.stop(timeout: 10_000)).to be_clean
  end

  it "R5: a partition has one consumer until it is taken away, and a new one when it comes back" do
    ids = []
    consuming { ids << id }
    eventually("messages") { ids.any? }
    feed(topic, %w[d], partition: 0)
    eventually("messages") { ids.size >= 2 }
    expect(ids.uniq.size).to eq(1)

    with_rival { nil }
    eventually("the partition") { assigned == { topic => 1 } }
    feed(topic, %w[e], partition: 0)
    eventually("a new consumer") { ids.uniq.size == 2 }
  end

  it "R6: consumers run in the threads of the workers" do
    names = {}
    note = proc { |hook| names[hook] = Thread.current.name }
    hooks = %i[initialized revoked shutdown eofed].to_h { |hook| [hook, proc { note.call(hook) }] }
    consuming(options: proc { eofed(true) }, hooks: hooks) { note.call(:consume) }
    eventually("messages") { names.key?(:consume) }
    with_rival { nil }
    eventually("the partition") { assigned == { topic => 1 } }
    feed(topic, %w[d], partition: 0)
    eventually("a new consumer") { events_of("consumer.initialized").size == 2 }
    Karafka::Embedded.stop

    expect(names.keys).to include(:initialized, :consume, :revoked, :shutdown)
    expect(names.values).to all(match(/\Akarafka\.worker#\d+\z/))
  end

  it "R6: a job has its events in order" do
    consuming { nil }
    eventually("the job") { events_of("worker.completed").any? }
    order = events.map(&:id).grep(/\A(consumer|worker)\./) - %w[worker.scaling.up]

    expect(order.first(10)).to eq(
      %w[consumer.initialize consumer.initialized consumer.before_schedule_consume consumer.wrap worker.process
         consumer.consume consumer.consumed worker.processed consumer.wrapped worker.completed]
    )
  end

  it "R7: payloads, keys and headers are binary, and not frozen" do
    strings = []
    consuming([]) do
      message = messages.first
      strings.concat([message.raw_payload, message.raw_key, message.raw_headers.fetch("kind")])
    end
    feed(topic, ["p\xC3"], partition: 0, key: "k", headers: %w[kind h])
    eventually("the message") { strings.size == 3 }

    expect(strings).to eq(["p\xC3".b, "k", "h"])
    expect(strings.map(&:encoding).uniq).to eq([Encoding::BINARY])
    expect(strings.none?(&:frozen?)).to be(true)
  end
end
