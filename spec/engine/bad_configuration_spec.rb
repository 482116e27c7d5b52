# frozen_string_literal: true

RSpec.describe "Starting with what can't work" do
  let(:topic) { create_topic("orders") }
  let(:consumer) { consumer_class { nil } }

  # Whatever can be known when routes are drawn is said then, the rest at the start
  def expect_refusal(*parts, &drawing)
    starting = -> { [drawing&.call, Karafka::Embedded.start] }
    expect(&starting).to raise_error(Karafka::Errors::InvalidConfigurationError) { |error|
      expect(error.message).to include(*parts)
    }
    expect(Karafka::Embedded.state).to eq(:stopped)
    expect(Thread.list.map(&:name).compact.grep(/\Akarafka/)).to be_empty
  end

  it "is refused without routes" do
    setup_embedded(bootstrap)
    expect_refusal("No topics")
  end

  it "names a setting of librdkafka that does not exist, with its group" do
    setup_embedded(bootstrap, kafka: { "fetch.mxa.bytes": 5 })
    expect_refusal("fetch.mxa.bytes", Karafka::App.config.group_id) { route(topic, consumer) }
  end

  it "names a value that librdkafka does not take, with its group" do
    setup_embedded(bootstrap, kafka: { "session.timeout.ms": "soon" })
    expect_refusal("session.timeout.ms", "soon", Karafka::App.config.group_id) { route(topic, consumer) }
  end

  it "names the setting of the one group that has it" do
    setup_embedded(bootstrap)
    servers = bootstrap
    name = topic
    consumes = consumer
    expect_refusal("enable.auto.commit", "perhaps", "wrong") do
      Karafka::App.routes.draw do
        consumer_group(:fine) { topic(name) { consumer consumes } }
        consumer_group(:wrong) do
          topic(name) do
            consumer consumes
            kafka("bootstrap.servers": servers, "enable.auto.commit": "perhaps")
          end
        end
      end
    end
  end

  it "names what only the client itself can refuse" do
    setup_embedded(bootstrap, kafka: { "ssl.ca.location": "/no/such/file", "security.protocol": "ssl" })
    route(topic, consumer)
    expect { Karafka::Embedded.start }.to raise_error(StandardError, /ssl.ca.location|no such file/i)
    expect(Karafka::Embedded.state).to eq(:stopped)
  end

  it "names every consumer that can't be found" do
    setup_embedded(bootstrap)
    name = topic
    Karafka::App.routes.draw do
      topic(name) { consumer "NoSuchConsumer" }
      topic("#{name}-two") { consumer "Neither::ThisOne" }
    end
    expect_refusal(name, "NoSuchConsumer", "#{name}-two", "Neither")
  end

  it "names a consumer that is none" do
    setup_embedded(bootstrap)
    route(topic, String)
    expect_refusal(topic, "String is not a consumer class")
  end

  it "can be followed by a start with what works" do
    setup_embedded(bootstrap)
    expect_refusal("No topics")
    route(topic, consumer)
    start_with({ topic => 1 })
    expect(Karafka::Embedded.stop).to be_clean
  end
end
