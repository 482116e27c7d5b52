# frozen_string_literal: true

# A message that was consumed
RSpec.describe Karafka::Native::Message do
  let(:topic) { create_topic("orders", partitions: 1) }

  # What a consumer was given of these payloads. Its job is over, and so is the engine.
  def batch(payloads = ['{"a":1}', nil, "{"], **options)
    batches = Queue.new
    setup_embedded(bootstrap) { |config| config.max_messages = payloads.size }
    route(topic, consumer_class { batches << messages }) { max_wait_time 10_000 }
    feed(topic, payloads, **options)
    Karafka::Embedded.start
    eventually("a batch") { !batches.empty? }
    Karafka::Embedded.stop
    batches.pop
  end

  def native_batch(messages)
    messages.first.__send__(:native_batch)
  end

  it "reads what it is asked for" do
    before = Time.now
    message = batch(key: "k", headers: %w[h 1]).first

    expect(message).to be_a(Karafka::Messages::Message).and have_attributes(
      raw_payload: '{"a":1}', payload: { "a" => 1 }, offset: 0, raw_key: "k", key: "k", raw_headers: { "h" => "1" },
      headers: { "h" => "1" }, topic: topic, partition: 0, tombstone?: false, deserialized?: true
    )
    expect([message.timestamp, message.received_at]).to all(be_within(60).of(before))
  end

  it "is a tombstone without a payload" do
    expect(batch(key: "k").raw[1]).to have_attributes(raw_payload: nil, payload: nil, tombstone?: true, offset: 1)
  end

  it "raises each time for a payload that can't be read, until it can" do
    broken = batch.last
    2.times { expect { broken.payload }.to raise_error(JSON::ParserError) }
    broken.raw_payload = "[]"

    expect(broken).to have_attributes(payload: [], offset: 2)
  end

  it "gives bytes that may be changed, and stay so" do
    message = batch.first
    expect(message.raw_payload.encoding).to eq(Encoding::BINARY)
    message.raw_payload.force_encoding(Encoding::UTF_8) << " "

    expect(message.raw_payload).to eq('{"a":1} ').and have_attributes(encoding: Encoding::UTF_8)
  end

  it "has metadata that agree with it, and that it follows once they are there" do
    message = batch(key: "k").raw[1]
    metadata = message.metadata
    expect(metadata).to have_attributes(message: message, offset: 1, topic: topic, partition: 0, raw_key: "k")
    metadata.offset = 99
    metadata.topic = "other"

    expect(message).to have_attributes(offset: 99, topic: "other", metadata: metadata, raw_payload: nil)
  end

  it "is copied with all that it has" do
    message = batch.first
    message.payload["b"] = 2

    expect(message.dup).to have_attributes(payload: { "a" => 1, "b" => 2 }, offset: 0, raw_payload: '{"a":1}')
  end

  it "does not print the payload" do
    expect(batch.first.inspect).to eq("#<Karafka::Messages::Message topic=#{topic} partition=0 offset=0>")
  end

  it "keeps what it has through collections, and nothing of the messages beside it" do
    native = native_batch(batch(Array.new(100) { |i| "#{i}: too long for a string without memory of its own" }))
    # On a thread whose stack is gone after it
    kept = Thread.new { native.messages(Karafka::Messages::Message).each(&:raw_payload)[50] }.value
    kept.raw_payload << "!"
    kept.metadata
    3.times { GC.start }
    GC.compact if GC.respond_to?(:compact)
    Array.new(10_000) { |i| "another string in memory that was freed, perhaps #{i}" }

    expect(kept).to have_attributes(
      raw_payload: "50: too long for a string without memory of its own!", offset: 50, topic: topic
    )
    # Those of other examples are their business
    left = ObjectSpace.each_object(described_class).count { |message| message.__send__(:native_batch).equal?(native) }
    expect(left).to be < 10
  end

  it "is made anew for who asks the batch again, and changes apart from its former self" do
    native = native_batch(batch(%w[1 2]))
    former, again = Array.new(2) { native.message(Karafka::Messages::Message, 1) }
    former.raw_payload << "0"

    expect([former, again].map(&:raw_payload)).to eq(%w[20 2])
  end
end
