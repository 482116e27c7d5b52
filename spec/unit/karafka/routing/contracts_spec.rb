# frozen_string_literal: true

RSpec.describe Karafka::Routing::Contracts do
  before do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) { def consume; end })
    setup_app
  end

  def self.refuses(what, path, text = nil, &options)
    it "refuses #{what}" do
      block = options
      text_pattern = text ? Regexp.escape(text) : ".+"
      expect { draw { topic(:a) { consumer(OrdersConsumer) && instance_eval(&block) } } }
        .to raise_error(Karafka::Errors::InvalidConfigurationError,
                        /\A\{:"routes\.app\.a\.#{path}"=>"#{text_pattern}"\}\z/)
    end
  end

  refuses("a batch of nothing", "max_messages", "needs to be an integer of 1 or more") { max_messages 0 }
  refuses("a wait too short", "max_wait_time") { max_wait_time 9 }
  refuses("an offset that is none", "initial_offset") { initial_offset "error" }
  refuses("kafka without servers", 'kafka\.bootstrap\.servers') { kafka("fetch.wait.max.ms": 1) }
  refuses("kafka with String keys", "kafka") { kafka({ "bootstrap.servers" => "a" }) }
  refuses("a deserializer that is none", 'deserializers\.payload') { deserializer 5 }
  refuses("a dead letter topic that is none", 'dead_letter_queue\.topic') { dead_letter_queue(topic: "a b") }
  refuses("retries below zero", 'dead_letter_queue\.max_retries') { dead_letter_queue(topic: "b", max_retries: -1) }
  refuses("a dispatch that is none", 'dead_letter_queue\.dispatch_method') do
    dead_letter_queue(topic: "b", dispatch_method: :throw)
  end
  refuses("a mark that is none", 'dead_letter_queue\.marking_method') do
    dead_letter_queue(topic: "b", marking_method: :mark)
  end
  refuses("eofed without the end of partitions", "eofed") { eofed true }
  refuses("no partitions", 'declaratives\.partitions') { config(partitions: 0) }

  it "says what librdkafka would say" do
    expect { draw { topic(:a) { consumer(OrdersConsumer) && kafka("foo.bar": 1, inherit: true) } } }
      .to invalid_configuration("routes.app.a.kafka": 'No such configuration property: "foo.bar"')
  end

  it "needs a consumer, unless the topic is not active" do
    expect { draw { topic(:a) } }.to invalid_configuration("routes.app.a.consumer": "needs to be present")
    Karafka::App.routes.clear
    expect { draw { topic(:a) { active false } } }.not_to raise_error
  end

  it "needs names that Kafka takes" do
    expect { draw { topic("a b") { consumer OrdersConsumer } } }
      .to raise_error(Karafka::Errors::InvalidConfigurationError, /routes\.app\.a b\.(id|name)/)
    Karafka::App.routes.clear
    expect { draw { consumer_group("a b") { topic(:a) { consumer OrdersConsumer } } } }
      .to raise_error(Karafka::Errors::InvalidConfigurationError, /routes\.a b\.id/)
  end

  it "needs topics in a group" do
    expect { draw { consumer_group("a") } }
      .to raise_error(Karafka::Errors::InvalidConfigurationError, /routes\.a\.topics/)
  end

  it "wants each topic once in a group" do
    expect do
      draw do
        topic(:a) { consumer OrdersConsumer }
        subscription_group { topic(:a) { consumer OrdersConsumer } }
      end
    end.to invalid_configuration("routes.app.topics": "all topic names within a single consumer group must be unique")
  end

  it "wants names that do not collide, unless told not to care" do
    mixed = proc { topic("a.b_c") { consumer OrdersConsumer } }
    colliding = proc { %w[a.b a_b].each { |name| topic(name) { consumer OrdersConsumer } } }

    expect { draw(&mixed) }.to raise_error(Karafka::Errors::InvalidConfigurationError, /routes\.app\.a\.b_c\.name/)
    Karafka::App.routes.clear
    expect { draw(&colliding) }.to raise_error(Karafka::Errors::InvalidConfigurationError, /routes\.app\.topics/)
    Karafka::App.routes.clear
    Karafka::App.config.strict_topics_namespacing = false
    expect { draw(&mixed) && draw(&colliding) }.not_to raise_error
  end

  it "wants jobs to have Active Job" do
    hide_const("ActiveJob") if defined?(ActiveJob)

    expect { draw { active_job_topic(:jobs) } }
      .to invalid_configuration("routes.app.jobs.consumer": "ActiveJob needs to be available")
  end

  it "takes jobs where Active Job is" do
    stub_const("ActiveJob::Base", Class.new)
    draw { active_job_topic(:jobs) { max_messages 3 } }

    expect(Karafka::App.routes.first.topics.first)
      .to have_attributes(active_job?: true, manual_offset_management?: true, max_messages: 3)
  end

  describe "strict declarations" do
    before { Karafka::App.config.strict_declarative_topics = true }

    it "want every topic and dead letter topic declared" do
      expect do
        draw { topic(:a) { consumer(OrdersConsumer) && dead_letter_queue(topic: "dead") && config(partitions: 2) } }
      end.to invalid_configuration("routes.topics.dead": "lacks explicit declarative topics definition")
    end

    it "are met by the other DSL too" do
      Karafka::App.declaratives.draw { topic(:a) { partitions 4 } }
      draw { topic(:a) { consumer OrdersConsumer } }

      expect(Karafka::App.routes.first.topics.first.declaratives.partitions).to eq(4)
    end
  end
end
