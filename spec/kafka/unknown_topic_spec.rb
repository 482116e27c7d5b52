# frozen_string_literal: true

RSpec.describe "A topic that does not exist" do
  let(:missing) { unique("missing") }
  let(:topic) { KafkaServer.create_topic("orders") }
  let(:consumed) { Queue.new }

  before do
    # Outside of production the framework has topics created by their use
    setup_embedded(KafkaServer.bootstrap, kafka: {
                     "allow.auto.create.topics": false, "topic.metadata.refresh.interval.ms": 500
                   })
    seen = consumed
    reader = consumer_class { messages.each { |message| seen << [message.topic, message.raw_payload] } }
    route(topic, reader)
    route(missing, reader)
    Karafka::Embedded.start
  end

  it "is reported by name, and holds up no other" do
    eventually("report") { errors.any? { |reported| reported.error.message.include?(missing) } }
    expect(errors.map(&:type).uniq).to eq(["connection.client.poll.error"])
    expect(Karafka::Embedded.health[:groups].first[:last_error]).to include(missing)

    feed(topic, %w[1])
    expect(eventually("message") { consumed.pop unless consumed.empty? }).to eq([topic, "1"])
    expect(Karafka::Embedded).to be_running
    expect(Karafka::Embedded.stop).to be_clean
  end

  it "is consumed from once it exists" do
    eventually("report") { errors.any? { |reported| reported.error.message.include?(missing) } }
    host, port = KafkaServer.bootstrap.split(",").first.split(":")
    DevKafka::Wire.open(host, port.to_i, timeout: 20) do |wire|
      wire.create_topic(missing, partitions: 1, replication: 1)
      eventually("leader") { wire.led?(missing) }
    end
    feed(missing, %w[1])
    expect(eventually("message", within: 30) { consumed.pop unless consumed.empty? }).to eq([missing, "1"])
  end
end
