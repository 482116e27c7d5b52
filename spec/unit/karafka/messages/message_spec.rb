# frozen_string_literal: true

# One that was consumed: spec/engine/karafka/native/message_spec.rb
RSpec.describe Karafka::Messages::Message do
  subject(:message) { described_class.new("[1]", metadata) }

  let(:deserializers) do
    Karafka::Routing::Features::Deserializers::Config.new(
      payload: Karafka::Deserializers::Payload.new, key: Karafka::Deserializers::Key.new,
      headers: Karafka::Deserializers::Headers.new
    )
  end
  let(:metadata) do
    Karafka::Messages::Metadata.new(
      offset: 1, topic: "t", partition: 0, deserializers: deserializers, raw_key: "k", raw_headers: {},
      timestamp: Time.at(1), received_at: Time.at(2)
    )
  end

  it "has what it is built from" do
    expect(message).to have_attributes(
      payload: [1], raw_payload: "[1]", offset: 1, topic: "t", key: "k", metadata: metadata, timestamp: Time.at(1),
      partition: 0, headers: {}, received_at: Time.at(2), deserializers: deserializers, tombstone?: false
    )
  end

  it "is a tombstone without a payload" do
    expect(described_class.new(nil, metadata)).to have_attributes(raw_payload: nil, payload: nil, tombstone?: true)
  end

  it "raises each time for a payload that can't be read, until it can" do
    message.raw_payload = "{"

    2.times { expect { message.payload }.to raise_error(JSON::ParserError) }
    expect(message).not_to be_deserialized
    message.raw_payload = "[]"
    expect(message.payload).to eq([])
    expect(message).to be_deserialized
  end

  it "raises for an empty payload too" do
    message.raw_payload = ""

    expect { message.payload }.to raise_error(JSON::ParserError)
  end

  it "deserializes once, to nil as well" do
    message.raw_payload = "null"
    allow(deserializers.payload).to receive(:call).and_call_original
    2.times { message.payload }

    expect(message.payload).to be_nil
    expect(deserializers.payload).to have_received(:call).once
  end

  it "has no metadata where it was given none" do
    message = described_class.new("1", nil)

    expect([message, message.dup]).to all(have_attributes(raw_payload: "1", offset: nil))
  end

  it "is copied with all that it has, and apart from then on" do
    message.payload
    copy = message.dup
    copy.raw_payload = "[2]"

    expect(copy).to have_attributes(class: described_class, payload: [1], offset: 1, topic: "t", key: "k")
    expect(message.raw_payload).to eq("[1]")
  end

  it "can't be changed once it is frozen, and is read all the same" do
    message.freeze

    expect { message.raw_payload = "" }.to raise_error(FrozenError)
    expect(message.payload).to eq([1])
    expect(message.clone).to be_frozen
  end

  describe "read from a batch" do
    subject(:message) { described_class.allocate }

    let(:route) { Struct.new(:name, :deserializers).new("orders", deserializers) }
    let(:batch) { FakeNative::Batch.new([FakeNative::Record.new(offset: 7)]) }

    before do
      Karafka::Messages::Origin.new(batch, route, 3)
      allow(message).to receive(:native_batch).and_return(batch)
    end

    it "has the times and the place that the batch tells" do
      allow(batch).to receive(:timestamp_ms).and_return(1_500)

      expect(message).to have_attributes(
        timestamp: Time.at(1.5), received_at: Time.at(1_700_000_000.5), topic: "orders", partition: 3
      )
    end

    it "has no time where the broker does not know it" do
      allow(batch).to receive(:timestamp_ms).and_return(-1)

      expect(message.timestamp).to be_nil
    end
  end

  it "takes instance variables of the application" do
    message.instance_variable_set(:@trace, "x")

    expect(message.dup.instance_variable_get(:@trace)).to eq("x")
  end

  it "can be reopened" do
    patch = Module.new { def payload = "patched #{super}" }
    patched = Class.new(described_class) { prepend patch }

    expect(patched.new('"x"', metadata).payload).to eq("patched x")
  end

  it "does not print the payload" do
    expect(message.inspect).to eq("#<Karafka::Messages::Message topic=t partition=0 offset=1>")
  end
end
