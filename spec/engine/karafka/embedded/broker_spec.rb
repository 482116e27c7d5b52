# frozen_string_literal: true

require "English"
require "socket"

RSpec.describe Karafka::Embedded::Broker do
  subject(:broker) { described_class.start(topics: { "orders" => 2, refunds: 1 }) }

  after { broker.stop }

  def listening?(address)
    Socket.tcp(*address.split(":")) { true }
  rescue Errno::ECONNREFUSED
    false
  end

  it "serves until it is stopped" do
    address = broker.bootstrap_servers

    expect(listening?(address)).to be(true)
    2.times { broker.stop }
    expect(listening?(address)).to be(false)
    expect(broker).to have_attributes(running?: false, bootstrap_servers: address)
    expect(broker.inspect).to include(address, "stopped")
  end

  it "has the topics it was given, and those created later" do
    producer = WaterDrop::Producer.new { |config| config.kafka = { "bootstrap.servers": broker.bootstrap_servers } }
    broker.create_topic(:shipments, partitions: 3)

    expect(%w[orders refunds shipments].map { |topic| producer.partition_count(topic) }).to eq([2, 1, 3])
  ensure
    producer&.close
  end

  it "names what can not be" do
    expect { broker.create_topic("orders") }
      .to raise_error(Rdkafka::RdkafkaError) { |error| expect(error.code).to eq(:topic_already_exists) }
    expect { broker.create_topic("a b") }.to raise_error(Karafka::Errors::InvalidConfigurationError, /a b/)
    expect { described_class.start(topics: { "none" => 0 }) }
      .to raise_error(Karafka::Errors::InvalidConfigurationError, /none/)
    expect { broker.stop || broker.create_topic("late") }.to raise_error(Rdkafka::RdkafkaError)
  end

  it "sets no session for groups that the broker sets it for" do
    servers = { "bootstrap.servers": broker.bootstrap_servers }
    expect(described_class.client_settings(servers)).to include(:"session.timeout.ms")
    consumer_protocol = servers.merge("group.protocol": "consumer")
    expect(described_class.client_settings(consumer_protocol).keys).to eq(%i[fetch.wait.max.ms])
    expect(described_class.client_settings("bootstrap.servers": "elsewhere:9092")).to be_empty
  end

  it "is inert in a fork" do
    pid = fork do
      broker.stop
      exit!(broker.running? ? 1 : 0)
    end
    Process.wait(pid)

    expect($CHILD_STATUS).to be_success
    expect(listening?(broker.bootstrap_servers)).to be(true)
  end
end
