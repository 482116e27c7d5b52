# frozen_string_literal: true

RSpec.describe "A broker that fails" do
  around { |example| KafkaServer::Own.open { |own| (@kafka = own) && example.run } }

  let(:kafka) { @kafka }
  let(:partitions) { 2 }
  let(:pause_s) { Acceptance.size(full: 30, short: 8) }
  let(:topic) { KafkaServer.create_topic("orders", partitions: partitions, servers: kafka.bootstrap) }
  let(:consumed) { Array.new(partitions) { [] } }

  before do
    setup_embedded(kafka.bootstrap, kafka: { "reconnect.backoff.max.ms": 500, "session.timeout.ms": 6_000 }) do |config|
      config.max_messages = 10
    end
    offsets = consumed
    route(topic, consumer_class do
      messages.each { |message| offsets[partition] << message.offset }
      sleep(0.005)
    end)
    feed_all(2_000)
    Karafka::Embedded.start
    eventually("messages", within: 30) { consumed.sum(&:size) > 200 }
  end

  def feed_all(count)
    Feed.open(kafka.bootstrap) do |feed|
      partitions.times { |n| feed.send(topic, Array.new(count / partitions, &:to_s), partition: n) }
    end
  end

  def expect_all(count)
    eventually("all #{count} messages", within: 90) { consumed.sum { |offsets| offsets.uniq.size } >= count }
    consumed.each { |offsets| expect(offsets.uniq).to eq((0...(count / partitions)).to_a) }
  end

  def repeated
    consumed.sum { |offsets| offsets.size - offsets.uniq.size }
  end

  it "is consumed from again when it was killed and is back" do
    kafka.kill
    eventually("health to say so", within: 30) { !Karafka::Embedded.healthy? }
    expect(Karafka::Embedded).to be_running
    # Health knows before subscribers are told
    eventually("the report") { errors.any? }
    expect(errors.map(&:type).uniq).to eq(["librdkafka.error"])

    kafka.start_again
    feed_all(2_000)
    expect_all(4_000)
    eventually("health", within: 30) { Karafka::Embedded.healthy? }
    expect(Karafka::Embedded.stop).to be_clean
    Acceptance.note("broker killed and back: #{repeated} of 4000 repeated")
  end

  it "is consumed from again when it was paused and goes on" do
    kafka.pause
    pause_ends = Eventually.now + pause_s
    eventually("end of the pause", within: pause_s + 5) { Eventually.now >= pause_ends }
    expect(Karafka::Embedded).to be_running

    kafka.resume
    feed_all(2_000)
    expect_all(4_000)
    expect(Karafka::Embedded.stop).to be_clean
    Acceptance.note("broker paused for #{pause_s} s: #{repeated} of 4000 repeated")
  end

  it "doesn't hold up a stop beyond its deadline when it is gone", :timing do
    kafka.kill
    began = Eventually.now
    report = Karafka::Embedded.stop(timeout: 4_000)
    took = Eventually.now - began
    Acceptance.note("stop with the broker gone: #{took.round(2)} s, #{report}")
    expect(took).to be < 4.5
    expect(report.abandoned).to be_empty
    expect(Karafka::Embedded.state).to eq(:stopped)
  end

  it "doesn't hold up a stop beyond its deadline when it is silent", :timing do
    kafka.pause
    began = Eventually.now
    report = Karafka::Embedded.stop(timeout: 4_000)
    took = Eventually.now - began
    Acceptance.note("stop with the broker silent: #{took.round(2)} s, #{report}")
    expect(took).to be < 4.5
    expect(Karafka::Embedded.state).to eq(:stopped)

    kafka.resume
    Karafka::Embedded.start
    expect_all(2_000)
    expect(Karafka::Embedded.stop).to be_clean
  end
end
