# frozen_string_literal: true

# O11 to O13: seeking, pausing, resuming
RSpec.describe "Seek and pause rules" do
  let(:manual) { proc { manual_offset_management(true) } }

  # @yield what a batch that ends with "c" does, once
  def consuming_then(**options, &once)
    seen = []
    done = []
    consuming(**options) do
      seen.concat(messages.raw_payloads)
      done << instance_exec(&once) if messages.last.raw_payload == "c" && done.empty?
    end
    seen
  end

  { "an offset" => 1, "an earlier offset than the batch's" => 0 }.each do |name, offset|
    it "O11: seek goes to #{name}" do
      seen = consuming_then(max_messages: 2) { seek(offset) }
      eventually("messages") { seen.size == 6 - offset }

      expect(seen).to eq(%w[a b c] + %w[a b c].drop(offset))
      event = events_of("consumer.consuming.seek").first
      expect(event.payload).to include(topic: topic, partition: 0, manual_seek: true, reset_offset: true)
      expect(event[:message]).to eq(Karafka::Messages::Seek.new(topic, 0, offset))
    end
  end

  it "O11: seek goes forward" do
    seen = []
    consuming(%w[a b c d e], max_messages: 1) do
      seen.concat(messages.raw_payloads)
      seek(3) if seen.size == 1
    end

    eventually("messages") { seen == %w[a d e] }
  end

  it "O11: a seek past the end goes to where a reset goes, and what comes there is delivered" do
    seen = consuming_then { seek(1_000) }
    eventually("the reset") { seen.size == 6 }
    feed(topic, %w[d e], partition: 0)
    eventually("what is new") { seen.last == "e" }

    expect(seen).to eq(%w[a b c a b c d e])
  end

  [:earliest, "earliest"].each do |place|
    it "O11: seek goes to #{place.inspect}" do
      seen = consuming_then { seek(place) }

      eventually("messages") { seen == %w[a b c a b c] }
    end
  end

  it "O11: seek goes to the latest" do
    seen = []
    consuming(%w[a b c d e], max_messages: 1) do
      seen.concat(messages.raw_payloads)
      seek(:latest) if seen.size == 1
    end
    eventually("the seek") { events_of("consumer.consuming.seek").any? && events_of("worker.completed").any? }
    # Where that is, the broker is asked after the job
    eventually("messages") do
      feed(topic, %w[f], partition: 0)
      seen.include?("f")
    end

    expect(seen.uniq).to eq(%w[a f])
  end

  it "O11: seek goes to the first message of a time" do
    answers = []
    consuming([]) do
      answers << messages.raw_payloads
      seek(Time.utc(2024)) if answers.flatten.size == 3
    end
    [2023, 2024, 2025].each do |year|
      Karafka.producer.produce_sync(
        topic: topic, partition: 0, payload: year.to_s, timestamp: Time.utc(year, 6)
      )
    end

    eventually("messages") { answers.flatten.size == 5 }
    expect(answers.flatten).to eq(%w[2023 2024 2025 2024 2025])
  end

  it "O11: a time after the last message is an error, and moves nothing" do
    seen = []
    consuming do
      seen.concat(messages.raw_payloads)
      seek(Time.now + 3_600) if attempt == 1
    end

    eventually("messages") { seen == %w[a b c a b c] }
    expect(reported.transform_values { |list| list.map(&:class) })
      .to eq("consumer.consume.error" => [Karafka::Errors::InvalidTimeBasedOffsetError])
  end

  it "O11: a seek to where the next batch begins anyway repeats nothing" do
    seen = consuming_then { seek(3) }
    eventually("messages") { seen.size == 3 }
    feed(topic, %w[d], partition: 0)

    eventually("the next") { seen == %w[a b c d] }
  end

  it "O11: a resetting seek forgets the marks, so that the batch does not mark itself and the next one does" do
    offsets = []
    consuming(kafka: { "enable.auto.commit": false }) do
      offsets << seek_offset
      next if offsets.size > 2

      mark_as_consumed!(messages.last)
      seek(0)
      offsets << seek_offset
    end
    eventually("the batch again") { offsets.size == 3 }
    Karafka::Embedded.stop

    expect(offsets).to eq([0, nil, 0])
    expect(committed).to eq(3)
  end

  it "O11: a seek that resets nothing keeps the mark" do
    offsets = []
    consuming(options: manual) do
      offsets << [messages.first.offset, seek_offset]
      next if offsets.size > 1

      mark_as_consumed(messages.last)
      seek(0, reset_offset: false)
    end

    eventually("the batch again") { offsets.size == 2 }
    expect(offsets).to eq([[0, 0], [0, 3]])
  end

  it "O11: what fails after a seek goes on where the seek led" do
    seen = []
    consuming(%w[a b c d e], max_messages: 1) do
      seen.concat(messages.raw_payloads)
      next unless seen.size == 1

      seek(3)
      raise "after the seek"
    end

    eventually("messages") { seen == %w[a d e] }
  end

  it "O12: pause commits what is marked, and delivers from its offset when its time is over" do
    seen = []
    at = []
    consuming(kafka: { "auto.commit.interval.ms": 60_000 }) do
      seen.concat(messages.raw_payloads)
      at << Process.clock_gettime(Process::CLOCK_MONOTONIC)
      next if at.size > 1

      mark_as_consumed(messages.first)
      pause(1, 1_500)
    end
    eventually("the commit", within: 1.4) { committed == 1 } if at.any? || eventually("the batch") { at.any? }
    eventually("the rest") { seen == %w[a b c b c] }

    expect(at.last - at.first).to be >= 1.5
    event = events_of("client.pause").first
    expect(event.payload).to include(topic: topic, partition: 0, offset: 1, timeout: 1_500)
    eventually("client.resume") { events_of("client.resume").any? }
  end

  it "O12: a consecutive pause goes on behind the batch" do
    seen = []
    consuming do
      seen.concat(messages.raw_payloads)
      pause(:consecutive, 50) if seen.size == 3
    end
    eventually("the batch") { seen.size == 3 }
    feed(topic, %w[d], partition: 0)

    eventually("the next") { seen == %w[a b c d] }
    expect(events_of("client.pause").first[:offset]).to be_nil
  end

  it "O12: a new pause replaces the old one" do
    seen = []
    consuming do
      seen.concat(messages.raw_payloads)
      next if seen.size > 3

      pause(0, 60_000)
      pause(2, 20)
    end

    eventually("messages") { seen == %w[a b c c] }
  end

  it "O12: an error after a pause has the pause of an error" do
    seen = []
    consuming do
      seen.concat(messages.raw_payloads)
      next if seen.size > 3

      pause(2, 60_000)
      raise "after the pause"
    end

    eventually("messages") { seen == %w[a b c a b c] }
  end

  it "O12: a pause ends with the assignment" do
    seen = []
    consuming do
      seen.concat(messages.raw_payloads)
      pause(0, 60_000) if seen.size == 3
    end
    eventually("the pause") { seen.size == 3 && events_of("worker.completed").any? }
    with_rival { nil }

    eventually("the batch again") { seen == %w[a b c a b c] }
  end

  it "O13: resume ends a pause" do
    seen = []
    consumer = nil
    consuming do
      consumer = self
      seen.concat(messages.raw_payloads)
      pause(1, 60_000) if seen.size == 3
    end
    eventually("the pause") { seen.size == 3 && events_of("worker.completed").any? }
    consumer.send(:resume)

    eventually("the rest") { seen == %w[a b c b c] }
    eventually("client.resume") { events_of("client.resume").any? }
    expect(events_of("client.resume").first.payload).to include(
      caller: be_a(Karafka::Connection::Client), topic: topic, partition: 0,
      subscription_group: Karafka::App.routes.first.subscription_groups.first
    )
  end
end
