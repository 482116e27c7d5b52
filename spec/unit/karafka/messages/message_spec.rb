# frozen_string_literal: true

RSpec.describe Karafka::Messages::Message do
  let(:record) do
    FakeNative::Record.new(offset: 7, payload: '{"a":1}', key: "k", headers: { "h" => "1" }, timestamp_ms: 1_500)
  end
  let(:batch) { FakeNative::Batch.new([record]) }
  let(:deserializers) do
    Karafka::Routing::Features::Deserializers::Config.new(
      payload: Karafka::Deserializers::Payload.new, key: Karafka::Deserializers::Key.new,
      headers: Karafka::Deserializers::Headers.new
    )
  end
  let(:route) { Struct.new(:name, :deserializers).new("orders", deserializers) }
  let(:origin) { Karafka::Messages::Origin.new(batch, route, 3) }

  describe "from a batch" do
    subject(:message) { origin.to_ary.first }

    it "reads what it is asked for" do
      expect(message).to have_attributes(
        raw_payload: '{"a":1}', payload: { "a" => 1 }, offset: 7, raw_key: "k", key: "k", raw_headers: { "h" => "1" },
        headers: { "h" => "1" }, timestamp: Time.at(1.5), topic: "orders", partition: 3, tombstone?: false,
        received_at: Time.at(1_700_000_000.5)
      )
    end

    it "reads the payload once" do
      2.times { message.raw_payload }

      expect(batch.reads[:raw_payload]).to eq(1)
    end

    it "gives bytes that may be changed" do
      expect(message.raw_payload.encoding).to eq(Encoding::BINARY)
      expect(message.raw_payload).not_to be_frozen
    end

    it "has metadata that agree with it" do
      expect(message.metadata).to have_attributes(
        message: message, offset: 7, topic: "orders", partition: 3, raw_key: "k", key: "k", headers: { "h" => "1" }
      )
    end

    it "follows its metadata once they are there" do
      message.metadata.offset = 99

      expect(message.offset).to eq(99)
    end

    it "does not print the payload" do
      expect(message.inspect).to eq("#<Karafka::Messages::Message topic=orders partition=3 offset=7>")
    end
  end

  describe "without a payload" do
    subject(:message) { origin.to_ary.first }

    let(:record) { FakeNative::Record.new(offset: 7, payload: nil, key: "k", timestamp_ms: -1) }

    it "is a tombstone with a nil payload" do
      expect(message).to have_attributes(raw_payload: nil, payload: nil, tombstone?: true, timestamp: nil)
    end
  end

  describe "with a payload that can not be read" do
    subject(:message) { origin.to_ary.first }

    let(:record) { FakeNative::Record.new(offset: 7, payload: "{") }

    it "raises each time, until it can" do
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
  end

  describe "from a payload and metadata" do
    subject(:message) { described_class.new("[1]", metadata) }

    let(:metadata) do
      Karafka::Messages::Metadata.new(
        offset: 1, topic: "t", partition: 0, deserializers: deserializers, raw_key: "k", raw_headers: {},
        timestamp: Time.at(1), received_at: Time.at(2)
      )
    end

    it "has those" do
      expect(message).to have_attributes(
        payload: [1], raw_payload: "[1]", offset: 1, topic: "t", key: "k", metadata: metadata, timestamp: Time.at(1),
        headers: {}, received_at: Time.at(2), deserializers: deserializers
      )
    end
  end

  it "can be reopened" do
    patch = Module.new { def payload = "patched #{super}" }
    patched = Class.new(described_class) { prepend patch }

    expect(patched.new('"x"', Karafka::Messages::Metadata.new(deserializers: deserializers)).payload).to eq("patched x")
  end
end
