# frozen_string_literal: true

RSpec.describe Karafka::Messages::Messages do
  subject(:messages) { described_class.new(origin).freeze }

  let(:batch) { batch_of("1", "2", "3") }
  let(:deserializers) do
    Karafka::Routing::Features::Deserializers::Config.new(payload: Karafka::Deserializers::Payload.new)
  end
  let(:route) { Struct.new(:name, :deserializers).new("orders", deserializers) }
  let(:origin) { Karafka::Messages::Origin.new(batch, route, 0, scheduled_at: 1_700_000_001_000_000) }

  it "counts without building anything" do
    expect(messages).to have_attributes(size: 3, count: 3, empty?: false)
    expect(messages.metadata).to have_attributes(size: 3, first_offset: 10, last_offset: 12)
    expect(batch.reads[:messages]).to eq(0)
  end

  it "has its ends without building the rest, and they stay the same" do
    first = messages.first
    last = messages.last

    expect(batch.reads[:messages]).to eq(0)
    expect([first.offset, last.offset]).to eq([10, 12])
    expect(messages.raw.first).to equal(first)
    expect(messages.raw.last).to equal(last)
    expect(messages.first).to equal(first)
  end

  it "has one end when there is one message" do
    one = described_class.new(Karafka::Messages::Origin.new(batch_of("1"), route, 0))

    expect(one.last).to equal(one.first)
    expect(one.raw).to eq([one.first])
  end

  it "is a list" do
    expect(messages.map(&:offset)).to eq([10, 11, 12])
    expect(messages.payloads).to eq([1, 2, 3])
    expect(messages.raw_payloads).to eq(%w[1 2 3])
    expect(messages.raw).to equal(messages.raw)
    expect(messages.to_a).to eq(messages.raw)
    expect(messages.to_a).not_to equal(messages.raw)
    expect(batch.reads[:messages]).to eq(1)
  end

  it "lets go of its messages when the job is over, and makes them again" do
    kept = messages.raw
    origin.release

    expect(messages.raw_payloads).to eq(kept.map(&:raw_payload))
    expect(messages.raw).not_to equal(kept)
  end

  it "can be read by a thread that is still there when the job is over, whenever that is" do
    %i[first last to_ary build].product((1..6).to_a).each do |reader, line|
      [[], [:to_ary], %i[first last]].each do |known|
        origin = Karafka::Messages::Origin.new(batch_of("1", "2", "3"), route, 0)
        known.each { |name| origin.public_send(name) }

        expect(read_releasing_at(line, origin, reader)).not_to include(nil)
      end
    end
  end

  # @return [Array<Message, nil>] what a reader finds when the job ends before this line of it
  def read_releasing_at(line, origin, reader)
    passed = 0
    trace = TracePoint.new(:line) { origin.release if (passed += 1) == line }
    method = Karafka::Messages::Origin.instance_method(reader)
    found = trace.enable(target: method) { method.bind_call(origin) }
    found.is_a?(Array) ? found : [found]
  end

  it "deserializes all when asked" do
    messages.deserialize!

    expect(messages).to all(be_deserialized)
  end

  it "ignores a block to count, and takes no arguments for its ends" do
    expect(messages.count { false }).to eq(3)
    expect { messages.first(2) }.to raise_error(ArgumentError)
  end

  describe "metadata" do
    it "are open until the batch is being consumed" do
      metadata = messages.metadata
      expect(metadata).to have_attributes(
        created_at: Time.at(1_700_000_000), scheduled_at: Time.at(1_700_000_001), processed_at: nil,
        consumption_lag: -1, processing_lag: -1, topic: "orders", partition: 0
      )
      messages.process

      expect(messages.metadata).to equal(metadata)
      expect(metadata).to be_frozen
      expect(metadata.consumption_lag).to be > metadata.processing_lag
    end

    it "are frozen when they are first asked for while it is" do
      messages.process

      expect(messages.metadata).to be_frozen
      expect(messages.metadata.processed_at).to be_a(Time)
    end

    it "do not believe a clock that is ahead" do
      ahead = FakeNative::Batch.new([FakeNative::Record.new(offset: 1, timestamp_ms: 1_900_000_000_000)])
      origin = Karafka::Messages::Origin.new(ahead, route, 0, scheduled_at: 1_700_000_001_000_000)

      expect(described_class.new(origin).metadata.created_at).to eq(Time.at(1_700_000_001))
    end
  end

  describe "built by hand" do
    let(:record) do
      double(payload: "5", key: nil, headers: {}, offset: 4, timestamp: Time.at(9), partition: 2)
    end

    it "is the same" do
      message = Karafka::Messages::Builders::Message.call(record, route, Time.at(10))
      built = Karafka::Messages::Builders::Messages.call([message], route, 2, Time.at(11))

      expect(built).to be_frozen
      expect(built.payloads).to eq([5])
      expect(built.first)
        .to have_attributes(offset: 4, partition: 2, topic: "orders", metadata: have_attributes(message: message))
      expect(built.metadata).to have_attributes(size: 1, first_offset: 4, last_offset: 4, created_at: Time.at(9))
      built.process
      expect(built.metadata).to be_frozen
    end

    it "may be empty" do
      built = Karafka::Messages::Builders::Messages.call([], route, 2, Time.at(11))

      expect(built).to have_attributes(size: 0, empty?: true, first: nil, last: nil)
      expect(built.metadata).to have_attributes(first_offset: -1001, last_offset: -1001)
    end
  end
end
