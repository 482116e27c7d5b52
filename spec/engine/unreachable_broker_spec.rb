# frozen_string_literal: true

require "socket"

RSpec.describe "A broker that can't be reached" do
  let(:topic) { "orders" }
  let(:consumed) { Queue.new }

  def app_on(servers)
    setup_embedded(servers, kafka: { "reconnect.backoff.max.ms": 200, **Karafka::Embedded::Broker::CLIENT_SETTINGS })
    seen = consumed
    route(topic, consumer_class { messages.each { |message| seen << message.raw_payload } })
  end

  # A port on which nobody listens
  def free_port
    server = TCPServer.new("127.0.0.1", 0)
    server.addr[1]
  ensure
    server.close
  end

  it "doesn't hold up start, and health says why nothing comes" do
    app_on("127.0.0.1:#{free_port}")
    began = Eventually.now
    Karafka::Embedded.start
    expect(Eventually.now - began).to be < 2
    expect(Karafka::Embedded).to be_running
    eventually("reason") { Karafka::Embedded.health[:groups].first[:connected] == false }
    expect(Karafka::Embedded).not_to be_healthy
    expect(Karafka::Embedded.health[:reasons].join).to match(/not connected: .+/)
    eventually("report") { errors.any? { |reported| reported.type == "librdkafka.error" } }
    expect(Karafka::Embedded.stop(timeout: 5_000)).to be_clean
  end

  it "is connected to when it comes" do
    broker = Karafka::Embedded::Broker.start(topics: { topic => 1 })
    broker.native.broker_down(nil)
    app_on(broker.bootstrap_servers)
    Karafka::Embedded.start
    eventually("reason") { Karafka::Embedded.health[:groups].first[:connected] == false }

    broker.native.broker_up(nil)
    eventually("assignment", within: 30) { assigned == { topic => 1 } }
    feed(topic, %w[1])
    expect(eventually("message") { consumed.pop unless consumed.empty? }).to eq("1")
    eventually("health") { Karafka::Embedded.healthy? }
    expect(Karafka::Embedded.stop).to be_clean
  ensure
    broker&.stop
  end

  it "is consumed from again when it was away" do
    broker = Karafka::Embedded::Broker.start(topics: { topic => 1 })
    app_on(broker.bootstrap_servers)
    start_with({ topic => 1 })
    feed(topic, %w[1])
    eventually("message") { consumed.size == 1 }

    broker.native.broker_down(nil)
    eventually("reason", within: 30) { !Karafka::Embedded.healthy? }
    broker.native.broker_up(nil)
    feed(topic, %w[2])
    eventually("message", within: 30) { consumed.size >= 2 }
    eventually("health") { Karafka::Embedded.healthy? }
  ensure
    broker&.stop
  end

  it "doesn't hold up a stop beyond its deadline", :timing do
    broker = Karafka::Embedded::Broker.start(topics: { topic => 1 })
    app_on(broker.bootstrap_servers)
    start_with({ topic => 1 })
    feed(topic, %w[1])
    eventually("message") { consumed.size == 1 }
    broker.native.broker_down(nil)

    began = Eventually.now
    report = Karafka::Embedded.stop(timeout: 3_000)
    expect(Eventually.now - began).to be < 3.5
    expect(report.abandoned).to be_empty
    expect(Karafka::Embedded.state).to eq(:stopped)
  ensure
    broker&.stop
  end
end
