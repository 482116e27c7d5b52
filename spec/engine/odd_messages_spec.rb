# frozen_string_literal: true

RSpec.describe "Messages that are not what one expects" do
  let(:topic) { create_topic("orders") }
  let(:seen) { Queue.new }

  # Runs the block on each message, in its consumer, and gives what it returned
  def look(*payloads, **options, &block)
    setup_embedded(bootstrap)
    answers = seen
    route(topic, consumer_class { messages.each { |message| answers << block.call(message) } })
    feed(topic, payloads, **options)
    Karafka::Embedded.start
    eventually("#{payloads.size} messages") { answers.size >= payloads.size }
    Array.new(payloads.size) { answers.pop }
  end

  it "have no payload" do
    expect(look(nil, key: "k") { |m| [m.raw_payload, m.payload, m.key, m.tombstone?] }).to eq([[nil, nil, "k", true]])
  end

  it "have an empty payload, which is not none" do
    expect(look("", key: "k") { |m| [m.raw_payload, m.tombstone?] }).to eq([["", false]])
  end

  it "have headers and an empty payload" do
    expect(look("", headers: %w[kind ping]) { |m| [m.raw_payload, m.headers] }).to eq([["", { "kind" => "ping" }]])
  end

  it "have headers and no payload" do
    expect(look(nil, headers: %w[kind ping]) { |m| [m.raw_payload, m.headers] }).to eq([[nil, { "kind" => "ping" }]])
  end

  it "are as large as a broker takes" do
    payload = Random.bytes(1_000_000)
    expect(look(payload, "after") { |m| m.raw_payload.hash }).to eq([payload, "after"].map(&:hash))
  end

  it "are no text" do
    bytes = "\xFF\xFE\x00\xC3(".b
    expect(look(bytes, key: bytes) { |m| [m.raw_payload, m.raw_key] }).to eq([[bytes, bytes]])
  end

  it "repeat a header" do
    headers = %w[trace one kind order trace two]
    expect(look("{}", headers: headers) { |m| [m.headers, m.raw_headers] }.flatten.uniq).to eq(
      [{ "trace" => %w[one two], "kind" => "order" }]
    )
  end

  it "are broken JSON, which is an error of the batch and stops no other partition" do
    setup_embedded(bootstrap)
    name = create_topic("mixed", partitions: 2)
    answers = seen
    route(name, consumer_class { messages.each { |message| answers << [partition, message.payload] } })
    feed(name, ['{"id":1}', "{not json"], partition: 0)
    feed(name, Array.new(50) { |i| JSON.generate(id: i) }, partition: 1)
    Karafka::Embedded.start
    eventually("reports") { errors.size >= 3 }
    eventually("the other partition") { seen.size >= 51 }

    all = Array.new(seen.size) { seen.pop }
    expect(all.select { |partition, _| partition == 1 }.map { |_, payload| payload["id"] }).to eq((0...50).to_a)
    expect(errors.map(&:type).uniq).to eq(["consumer.consume.error"])
    expect(errors.map(&:error)).to all(be_a(JSON::ParserError))
    expect(Karafka::Embedded.stop).to be_clean
  end
end
