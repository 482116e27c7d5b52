# frozen_string_literal: true

# O1 to O3 and O6 to O10: how far a partition has come
RSpec.describe "Offset rules" do
  let(:manual) { proc { manual_offset_management(true) } }

  it "O1: seek_offset begins with the first message, follows the marks, and goes back with an older one" do
    offsets = []
    consuming do
      offsets << seek_offset
      messages.each { |message| mark_as_consumed(message) && (offsets << seek_offset) }
      mark_as_consumed(messages.first)
      offsets << seek_offset
    end

    eventually("the batch") { offsets.size == 5 }
    expect(offsets).to eq([0, 1, 2, 3, 1])
  end

  it "O2: a batch that succeeds is marked, and its attempts are forgotten" do
    attempts = []
    consuming do
      attempts << attempt
      raise "once" if attempts.size == 1
    end
    eventually("the mark") { committed == 3 }
    feed(topic, %w[d], partition: 0)

    eventually("the next batch") { attempts.size == 3 }
    expect(attempts).to eq([1, 2, 1])
  end

  it "O2: a batch that paused is not marked" do
    seen = []
    consuming do
      seen << messages.size
      pause(:consecutive, 60_000)
    end
    eventually("the batch") { seen.any? && events_of("worker.completed").any? }
    Karafka::Embedded.stop

    expect(committed).to be_nil
  end

  it "O3: with manual offsets success marks nothing" do
    seen = []
    consuming(options: manual) { seen.concat(messages.raw_payloads) }
    eventually("messages") { seen.size == 3 }
    Karafka::Embedded.stop

    expect(committed).to be_nil
  end

  it "O3: with manual offsets an error goes back to the last mark, however many batches ago" do
    seen = []
    consuming(%w[a b c d e], options: manual, max_messages: 1) do
      payload = messages.first.raw_payload
      seen << payload
      mark_as_consumed(messages.first) if payload == "b"
      raise "once" if payload == "e" && seen.count("e") == 1
    end

    eventually("messages") { seen.count("e") == 2 }
    expect(seen).to eq(%w[a b c d e c d e])
  end

  it "O6: a mark is true for what is marked already and after a resetting seek, and false once the partition is lost" do
    answers = []
    consumer = nil
    consuming do
      consumer = self
      answers << mark_as_consumed(messages.last) << mark_as_consumed(messages.last)
    end
    eventually("the batch") { events_of("worker.completed").any? }
    expect(answers).to eq([true, true])

    with_rival { expect(consumer.mark_as_consumed(consumer.messages.first)).to be(false) }
  end

  it "O6: a mark after a resetting seek does nothing" do
    marks = []
    consuming do
      next unless marks.empty?

      mark_as_consumed(messages.first)
      seek(2)
      marks << [mark_as_consumed(messages.first), seek_offset]
    end
    eventually("the mark") { committed == 3 }

    expect(marks).to eq([[true, nil]])
  end

  it "O7: what is marked is committed soon" do
    consuming(options: manual) { mark_as_consumed(messages.raw[1]) }

    eventually("the commit", within: 5) { committed == 2 }
  end

  it "O7: what is marked is committed at a rebalance and at the end even without automatic commits" do
    consuming(kafka: { "enable.auto.commit": false }) { nil }
    eventually("the batch") { events_of("worker.completed").any? }
    expect(committed).to be_nil

    with_rival { expect(committed).to eq(3) }
    eventually("the partition") { assigned == { topic => 1 } }
    feed(topic, %w[d], partition: 0)
    eventually("the batch") { events_of("worker.completed").size >= 3 }
    Karafka::Embedded.stop
    expect(committed).to eq(4)
  end

  it "O8: mark_as_consumed! is committed when it returns, and false once the partition is lost" do
    answers = []
    consumer = nil
    look = method(:committed)
    consuming(options: manual) do
      consumer = self
      answers << mark_as_consumed!(messages.first) << look.call
    end
    eventually("the batch") { answers.size == 2 }
    expect(answers).to eq([true, 1])

    with_rival { expect(consumer.mark_as_consumed!(consumer.messages.last)).to be(false) }
    expect(committed).to eq(1)
  end

  it "O9: a commit without marks is true, one of marks commits them, one of a lost partition is false" do
    answers = []
    consumer = nil
    look = method(:committed)
    consuming(options: manual, kafka: { "enable.auto.commit": false }) do
      consumer = self
      answers << commit_offsets << commit_offsets!
      mark_as_consumed(messages.first)
      answers << commit_offsets!
      answers << look.call
      mark_as_consumed(messages.last)
      answers << commit_offsets
    end
    eventually("the batch") { answers.size == 5 }
    expect(answers).to eq([true, true, true, 1, true])
    eventually("the commit in the background") { committed == 3 }

    with_rival { expect([consumer.commit_offsets, consumer.commit_offsets!]).to eq([false, false]) }
  end

  it "O10: a rebalance does not make a running job's partition revoked, and when its hook runs it is" do
    answers = []
    asked = Queue.new
    consumer = nil
    consuming(hooks: { revoked: proc { answers << revoked? } }) do
      consumer = self
      asked.pop
      answers << revoked?
    end
    eventually("the job") { consumer }
    releasing = Thread.new do
      eventually("the rebalance") { events_of("rebalance.partitions_revoke").any? }
      asked << true
    end
    with_rival { releasing.join }

    expect(answers).to eq([false, true])
    expect(consumer.send(:revoked?)).to be(true)
  end
end
