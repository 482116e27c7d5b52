# frozen_string_literal: true

# O19 to O21: revoked, shutdown, eofed
RSpec.describe "Hook rules" do
  let(:calls) { [] }

  # @return [Hash{Symbol => Proc}] hooks that say that they ran, and for which partition
  def noting(*hooks)
    noted = calls
    hooks.to_h { |hook| [hook, proc { noted << [hook, partition] }] }
  end

  it "O19: revoked runs once for each consumer there was, after its job, and not at the end" do
    noted = calls
    go_on = Queue.new
    consuming(partitions: 4, hooks: noting(:revoked)) do
      noted << [:begin, partition]
      go_on.pop
      noted << [:end, partition]
    end
    feed(topic, %w[x], partition: 1)
    eventually("jobs") { calls.size == 2 }
    releasing = Thread.new do
      eventually("the rebalance") { events_of("rebalance.partitions_revoke").any? }
      2.times { go_on << true }
    end
    # By default a member gives up all of its partitions first, so that all consumers are told
    with_rival(left: 2) { releasing.join }
    Karafka::Embedded.stop

    expect(calls.select { |hook, _| hook == :revoked }).to contain_exactly([:revoked, 0], [:revoked, 1])
    [0, 1].each { |number| expect(calls.index([:revoked, number])).to be > calls.index([:end, number]) }
  end

  it "O20: shutdown runs once for each consumer, also in the pause of an error, and not where no message came" do
    consuming(partitions: 3, hooks: noting(:shutdown)) { raise "bad" if partition == 1 }
    feed(topic, %w[x], partition: 1)
    eventually("jobs") { events_of("consumer.consuming.retry").any? && committed == 3 }
    expect(Karafka::Embedded.stop).to be_clean

    expect(calls).to contain_exactly([:shutdown, 0], [:shutdown, 1])
  end

  it "O20: shutdown does not run for a partition that was taken away" do
    consuming(hooks: noting(:revoked, :shutdown)) { nil }
    eventually("the job") { events_of("worker.completed").any? }
    with_rival { Karafka::Embedded.stop }

    expect(calls).to eq([[:revoked, 0]])
  end

  it "O21: the end of an empty partition is told to a consumer, which is made for it" do
    noted = calls
    eofed = proc { noted << [:eofed, eofed?, messages.size] }
    consuming([], options: proc { eofed(true) }, hooks: { eofed: eofed }) { noted << [:consume, eofed?] }
    eventually("the end") { calls.any? }

    expect(calls).to eq([[:eofed, true, 0]])
    expect(events.map(&:id).grep(/\Aconsumer\.(before_schedule_eofed|eof|eofed)\z/))
      .to eq(%w[consumer.before_schedule_eofed consumer.eof consumer.eofed])
  end

  it "O21: a batch that ends the partition knows, and one before it does not" do
    seen = []
    consuming(%w[a b c], max_messages: 2) { seen << [messages.raw_payloads.last, eofed?] }
    eventually("messages") { seen.any? { |payload, _| payload == "c" } }
    feed(topic, %w[d e f], partition: 0)
    eventually("messages") { seen.any? { |payload, _| payload == "f" } }

    expect(seen).to include(["b", false], ["e", false])
  end

  it "O21: a batch that gathers does not wait behind the end of its partition, and knows that it came" do
    seen = []
    consuming(%w[a b c], max_wait_time: 45_000) { seen << [messages.raw_payloads.last, eofed?] }
    eventually("the last message") { seen.any? { |payload, _| payload == "c" } }

    expect(seen.last).to eq(["c", true])
  end

  it "O21: without eofed nobody is told, and a message is not held up" do
    consuming([], hooks: noting(:eofed)) { nil }
    feed(topic, %w[a], partition: 0)
    eventually("the message") { committed == 1 }

    expect(calls).to be_empty
    expect(events_of("consumer.eof")).to be_empty
  end

  it "O21: an error of eofed is reported, and not repeated" do
    noted = calls
    failing = proc { (noted << :eofed) && raise("bad") }
    consuming([], options: proc { eofed(true) }, hooks: { eofed: failing }) { noted << :consume }
    eventually("the report") { reported.key?("consumer.eofed.error") }
    feed(topic, %w[a], partition: 0)
    eventually("the message") { committed == 1 }

    expect(calls.first(2)).to eq(%i[eofed consume])
  end
end
