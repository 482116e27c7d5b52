# frozen_string_literal: true

# O14 and O15: what can't be consumed goes elsewhere
RSpec.describe "Dead letter rules" do
  let(:dead) { KafkaServer.create_topic("dead") }
  let(:tries) { Hash.new(0) }

  # Consumes "a", "b" and "c" one after the other, "b" never with success
  def consuming_badly(hooks = {}, manual: false, bad: "b", **queue)
    seen = tries
    name = dead
    options = proc do
      manual_offset_management(manual)
      dead_letter_queue(topic: name, **queue)
    end
    consuming(options: options, hooks: hooks) do
      messages.each do |message|
        seen[message.raw_payload] += 1
        raise ArgumentError, "bad" if message.raw_payload == bad

        mark_as_consumed(message)
      end
    end
  end

  def payloads_of_dead
    found = []
    Karafka::Embedded.stop
    name = dead
    reader = consumer_class { messages.each { |message| found << [message.raw_payload, message.raw_key] } }
    Karafka::App.routes.redraw { consumer_group(name) { topic(name) { consumer reader } } }
    Karafka::Embedded.start
    eventually("dead letters") { found.any? }
    found
  end

  it "O14: dispatches to the dead letter topic after max_retries, marks, and goes on behind it" do
    consuming_badly(max_retries: 2)
    eventually("the last message") { tries["c"] == 1 && committed == 3 }

    expect(tries).to eq("a" => 1, "b" => 3, "c" => 1)
    event = events_of("dead_letter_queue.dispatched").first
    expect(event.payload).to include(caller: be_a(Karafka::BaseConsumer), message: have_attributes(offset: 1))
    pauses = events_of("consumer.consuming.pause").map { |one| one.payload.slice(:offset, :timeout) }
    expect(pauses.last).to eq(offset: 2, timeout: 10)
    expect(events_of("consumer.consuming.retry").size).to eq(2)
    expect(payloads_of_dead).to eq([["b", nil]])
  end

  it "O14: dispatches without a retry where there are none" do
    consuming_badly(max_retries: 0)
    eventually("the last message") { tries["c"] == 1 }

    expect(tries).to eq("a" => 1, "b" => 1, "c" => 1)
    expect(events_of("consumer.consuming.retry")).to be_empty
  end

  it "O14: gives up the first message of a batch where nothing was marked" do
    seen = []
    name = dead
    consuming(options: proc { dead_letter_queue(topic: name, max_retries: 0) }) do
      seen << messages.raw_payloads
      raise "bad" unless messages.first.raw_payload == "c"
    end

    eventually("the last message") { seen.last == %w[c] && committed == 3 }
    expect(events_of("dead_letter_queue.dispatched").map { |event| event[:message].offset }).to eq([0, 1])
  end

  it "O14: dispatches and marks by the methods that are named" do
    calls = []
    producer = instance_double(WaterDrop::Producer)
    allow(producer).to receive(:produce_sync) { calls << :produce_sync }
    note = proc { |message| (calls << :mark_as_consumed!) && super(message) }
    name = dead
    options = proc do
      dead_letter_queue(topic: name, max_retries: 0, dispatch_method: :produce_sync, marking_method: :mark_as_consumed!)
    end
    consuming(options: options, hooks: { mark_as_consumed!: note, producer: proc { producer } }) do
      raise "bad" if messages.first.raw_payload == "a"
    end

    eventually("the rest") { committed == 3 }
    expect(calls).to eq(%i[produce_sync mark_as_consumed!])
  end

  it "O14: gives up what fails behind an offset without a message, and nothing before it" do
    seen = []
    name = dead
    setup_embedded(KafkaServer.bootstrap)
    @topic = KafkaServer.create_topic("transactions")
    # Each ends with an offset of its own
    2.times { Transactions.commit(topic, "#{topic}-producer", 2) }
    consumer = consumer_class do
      messages.each do |message|
        seen << message.offset
        raise "bad" if message.offset == 3

        mark_as_consumed(message)
      end
    end
    route(topic, consumer) { dead_letter_queue(topic: name, max_retries: 0) }
    watch
    start_with({ topic => 1 })

    eventually("the last message") { seen.last == 4 && committed.to_i >= 5 }
    expect(events_of("dead_letter_queue.dispatched").map { |event| event[:message].offset }).to eq([3])
    expect(seen).to eq([0, 1, 3, 4])
  end

  it "O14: with manual offsets goes on without a mark" do
    consuming_badly(manual: true, max_retries: 1, bad: "a")
    eventually("the last message") { tries["c"] == 1 }
    expect(tries).to eq("a" => 2, "b" => 1, "c" => 1)

    consumed_marks = events_of("dead_letter_queue.dispatched").first[:caller]
    expect(consumed_marks.seek_offset).to eq(3)
  end

  # "a" and "b" mark themselves
  { "by default" => [{}, 3], "when told not to" => [{ mark_after_dispatch: false }, 2],
    "with manual offsets" => [{ manual: true }, 2],
    "with manual offsets, told to" => [{ manual: true, mark_after_dispatch: true }, 3] }.each do |name, (queue, mark)|
    it "O14: #{mark == 3 ? "marks" : "does not mark"} what it gave up #{name}" do
      consuming_badly(max_retries: 0, bad: "c", **queue)
      eventually("the dispatch") { events_of("dead_letter_queue.dispatched").any? }
      Karafka::Embedded.stop

      expect(committed).to eq(mark)
    end
  end

  it "O14: what can't be dispatched is reported, and tried again" do
    dispatches = 0
    producer = instance_double(WaterDrop::Producer)
    allow(producer).to receive(:produce_async) { (dispatches += 1) == 1 && raise(IOError, "no way") }
    consuming_badly({ producer: proc { producer } }, max_retries: 0)

    eventually("the last message") { tries["c"] == 1 }
    expect(reported.fetch("consumer.after_consume.error").map(&:class)).to eq([IOError])
    expect(events_of("consumer.consuming.retry").size).to eq(1)
    expect(events_of("dead_letter_queue.dispatched").size).to eq(1)
    expect(tries["b"]).to eq(2)
  end

  it "O15: where tries are independent a mark in a retry has the count begin anew" do
    attempts = { true => [], false => [] }
    name = dead
    [true, false].each do |independent|
      fails = %w[a b c].to_h { |payload| [payload, 1] }
      consuming(options: proc { dead_letter_queue(topic: name, max_retries: 1, independent: independent) }) do
        messages.each do |message|
          attempts[independent] << attempt
          raise "once" if (fails[message.raw_payload] -= 1) >= 0

          mark_as_consumed(message)
        end
      end
      eventually("all messages") { committed == 3 }
      Karafka::Embedded.stop
      EmbeddedApp.clean_up
      Karafka::App.routes.clear
    end

    # Each message fails once: with one count for all, the second one that fails is one too many
    expect(events_of("dead_letter_queue.dispatched").size).to eq(1)
    expect(attempts[true]).to eq([1, 2, 1, 2, 1, 2])
  end
end
