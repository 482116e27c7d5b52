# frozen_string_literal: true

# What hides in settings reaches no text that people or their tools get to see.
RSpec.describe "Secrets of the settings" do
  # A value of its own for each setting
  let(:secrets) do
    %w[sasl.password ssl.key.password ssl.keystore.password ssl.key.pem sasl.oauthbearer.client.secret
       sasl.oauthbearer.config sasl.oauthbearer.assertion.private.key.pem
       sasl.oauthbearer.assertion.private.key.passphrase].to_h { |name| [name.to_sym, "hidden-#{name.tr(".", "-")}"] }
  end
  let(:kafka) { { "bootstrap.servers": "127.0.0.1:1", "security.protocol": "sasl_ssl", **secrets } }
  let(:told) { StringIO.new }
  let(:log) { Logger.new(told, level: Logger::DEBUG) }

  def set_up(settings = kafka)
    Karafka::App.setup do |config|
      config.client_id = "spec"
      config.kafka = settings
      config.admin.kafka = settings
      config.logger = log
    end
  end

  def draw
    consumer = consumer_class
    settings = kafka
    Karafka::App.routes.draw do
      topic(:orders) { consumer consumer }
      topic(:visits) do
        consumer consumer
        kafka(settings)
      end
    end
  end

  def consumer_class
    Class.new(Karafka::BaseConsumer) { def consume; end }
  end

  def expect_hidden(*texts)
    text = texts.join("\n")
    expect(secrets.values.select { |secret| text.include?(secret) }).to be_empty
  end

  def refusal
    yield
    raise "not refused"
  rescue Karafka::Errors::InvalidConfigurationError, WaterDrop::Errors::ConfigurationInvalidError => e
    e.full_message(highlight: false) + e.inspect
  end

  it "are in no inspection of settings, routes, plans, producers and consumers" do
    set_up
    draw
    topics = Karafka::App.routes.flat_map { |group| group.topics.to_a }
    plan = Karafka::Routing::EnginePlan.new
    consumer = consumer_class.new
    objects = [
      Karafka::App, Karafka::App.config, Karafka::App.config.admin, Karafka::App.routes, *Karafka::App.routes, *topics,
      *topics.map(&:consumer_group), *topics.map(&:subscription_group), plan, plan.subscription_groups,
      Karafka.producer, Karafka.producer.config, consumer, Karafka::Server, Karafka.monitor
    ]
    expect_hidden(*objects.map(&:inspect), *objects.map(&:to_s), plan.masked.to_s)
  end

  # Ruby puts the receiver's inspection into some of its own errors
  it "are in no error that Ruby makes of them" do
    set_up
    draw
    [Karafka::App.config, Karafka::App.routes, Karafka::App.routes.first, Karafka.producer].each do |object|
      expect { object.no_such_method }.to raise_error(NoMethodError) { |e| expect_hidden(e.message, e.full_message) }
    end
  end

  it "are in no refusal of bad settings" do
    bad = {
      "at the setup" => -> { set_up(kafka.transform_keys(&:to_s)) },
      "of a value" => -> { set_up && route(kafka.merge("session.timeout.ms": "soon")) },
      "of a name" => -> { set_up && route(kafka.merge("sasl.pasword": secrets[:"sasl.password"])) },
      "of a secret that is none" => lambda {
                                      set_up && route(kafka.merge("sasl.password": { is: secrets[:"sasl.password"] }))
                                    },
      "of a producer's" => -> { WaterDrop::Producer.new { |config| config.kafka = kafka.merge(acks: "perhaps") } }
    }
    bad.each_value { |attempt| expect_hidden(refusal(&attempt)) }
  end

  def route(settings)
    consumer = consumer_class
    Karafka::App.routes.draw do
      topic(:orders) do
        consumer consumer
        kafka(settings)
      end
    end
  end

  it "are in no refusal of the engine" do
    set_up
    draw
    expect { Karafka::Embedded.start }.to raise_error(StandardError) { |error|
      expect_hidden(error.message, error.full_message)
    }
    expect_hidden(told.string)
  ensure
    Karafka::Embedded.stop(timeout: 1_000)
  end

  it "are in no refusal of a producer's client" do
    producer = WaterDrop::Producer.new { |config| config.kafka = kafka }
    expect { producer.produce_async(topic: "orders", payload: "1") }.to raise_error(StandardError) { |error|
      expect_hidden(error.message, error.full_message, error.cause&.full_message)
    }
  end

  it "are in no log at the debug level" do
    set_up
    Karafka.monitor.subscribe(Karafka::Instrumentation::LoggerListener.new)
    Karafka::App.debug!
    draw
    begin
      Karafka::Embedded.start
    rescue StandardError => e
      log.error(e)
    end
    expect_hidden(told.string, JSON.generate(Karafka::Embedded.health))
  ensure
    Karafka::Embedded.stop(timeout: 1_000)
  end
end
