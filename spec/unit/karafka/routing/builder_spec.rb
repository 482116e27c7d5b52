# frozen_string_literal: true

RSpec.describe Karafka::Routing::Builder do
  let(:routes) { Karafka::App.routes }

  before do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) { def consume; end })
    setup_app
  end

  it "puts topics into the default group and into named ones" do
    draw do
      topic(:orders) { consumer OrdersConsumer }
      consumer_group(:reports) { topic("visits") { consumer OrdersConsumer } }
    end

    expect(routes.map(&:id)).to eq(%w[app reports])
    expect(routes.first.topics.first).to have_attributes(
      id: "app_orders", name: "orders", consumer: OrdersConsumer, consumer_class: OrdersConsumer, active?: true
    )
    expect(Karafka::App.consumer_groups).to equal(routes)
    expect(Karafka::App.groups).to equal(routes)
  end

  it "adds to a group that is opened again" do
    draw { consumer_group("a") { topic("x") { consumer OrdersConsumer } } }
    draw { consumer_group(:a) { topic("y") { consumer OrdersConsumer } } }

    expect(routes.size).to eq(1)
    expect(routes.first.topics.map(&:name)).to eq(%w[x y])
  end

  it "calls unknown options by their name" do
    expect { draw { topic(:a) { nope 5 } } }.to raise_error(NoMethodError, /nope/)
    expect { draw { nope 5 } }.to raise_error(NoMethodError, /nope/)
  end

  it "has no topic-wide pause" do
    expect { draw { topic(:a) { pause timeout: 1 } } }.to raise_error(ArgumentError)
    routes.redraw { topic(:b) { consumer OrdersConsumer } }
    expect(routes.first.topics.last.pause)
      .to have_attributes(active: false, timeout: 1_000, max_timeout: 30_000, with_exponential_backoff: true)
  end

  describe "options" do
    it "come from the settings unless the topic says otherwise" do
      draw do
        topic(:a) { consumer OrdersConsumer }
        topic(:b) do
          consumer "OrdersConsumer"
          max_messages 5
          max_wait_time 20
          initial_offset "latest"
          consumer_persistence false
        end
      end
      a, b = routes.first.topics.to_a

      expect(a).to have_attributes(max_messages: 100, max_wait_time: 1_000, initial_offset: "earliest",
                                   consumer_persistence: true, max_wait_time_set?: false)
      expect(b).to have_attributes(max_messages: 5, max_wait_time: 20, initial_offset: "latest",
                                   consumer_persistence: false, consumer: OrdersConsumer, max_wait_time_set?: true)
    end

    it "replace or inherit the kafka settings" do
      draw do
        topic(:a) { consumer(OrdersConsumer) && kafka("bootstrap.servers": "b:1") }
        topic(:b) { consumer(OrdersConsumer) && kafka({ "fetch.wait.max.ms": 5 }, inherit: true) }
        topic(:c) { consumer(OrdersConsumer) && kafka("fetch.wait.max.ms": 6, inherit: true) }
        topic(:d) { consumer(OrdersConsumer) && kafka(inherit: true) }
      end
      settings = routes.first.topics.map(&:kafka)

      expect(settings).to eq(
        [{ "bootstrap.servers": "b:1" },
         { "bootstrap.servers": "127.0.0.1:9092", "fetch.wait.max.ms": 5 },
         { "bootstrap.servers": "127.0.0.1:9092", "fetch.wait.max.ms": 6 },
         { "bootstrap.servers": "127.0.0.1:9092" }]
      )
    end

    it "can be given for all topics, where the topic's own features win" do
      draw do
        defaults do
          max_messages 9
          manual_offset_management true
          dead_letter_queue(topic: "dead")
        end
        topic(:a) { consumer OrdersConsumer }
        topic(:b) do
          consumer OrdersConsumer
          max_messages 3
          manual_offset_management false
          dead_letter_queue(topic: "mine", max_retries: 0)
        end
      end
      a, b = routes.first.topics.to_a

      expect(a).to have_attributes(max_messages: 9, manual_offset_management?: true, dead_letter_queue?: true)
      expect(b).to have_attributes(max_messages: 9, manual_offset_management?: false)
      expect(b.dead_letter_queue).to have_attributes(topic: "mine", max_retries: 0)
    end
  end

  describe "features" do
    it "are off and readable by default" do
      draw { topic(:a) { consumer OrdersConsumer } }

      expect(routes.first.topics.first).to have_attributes(
        manual_offset_management?: false, dead_letter_queue?: false, eofed?: false, inline_insights?: false,
        active_job?: false, deserializers?: true
      )
    end

    it "are stored as given" do
      upcase = ->(message) { message.raw_payload.upcase }
      draw do
        topic(:a) do
          consumer OrdersConsumer
          kafka("enable.partition.eof": true, inherit: true)
          eofed true
          inline_insights true
          deserializer upcase
          config(partitions: 3, replication_factor: 2, "cleanup.policy": "compact")
        end
      end
      topic = routes.first.topics.first

      expect(topic).to have_attributes(eofed?: true, inline_insights?: true)
      expect(topic.deserializers).to have_attributes(payload: upcase, key: be_a(Karafka::Deserializers::Key))
      expect(topic.declaratives)
        .to have_attributes(partitions: 3, replication_factor: 2, details: { "cleanup.policy": "compact" })
    end

    it "can be added by others" do
      owner = Class.new(Karafka::Routing::Features::Base)
      owner.const_set(:Topic, Module.new { def owner(name = nil) = (@owner ||= name) })
      owner.activate
      draw { topic(:a) { consumer(OrdersConsumer) && owner("team") } }

      expect(routes.first.topics.first.owner).to eq("team")
    end
  end

  describe "subscription groups" do
    it "are one for topics that can share a connection" do
      draw do
        topic(:a) { consumer OrdersConsumer }
        topic(:b) { consumer OrdersConsumer }
        topic(:c) { consumer(OrdersConsumer) && max_messages(1) }
        topic(:d) { consumer(OrdersConsumer) && kafka("fetch.wait.max.ms": 5, inherit: true) }
        subscription_group("own") { topic(:e) { consumer OrdersConsumer } }
        subscription_group { topic(:f) { consumer OrdersConsumer } }
      end
      groups = routes.first.subscription_groups

      expect(groups.map { |group| group.topics.map(&:name) }).to eq([%w[a b], %w[c], %w[d], %w[e], %w[f]])
      expect(groups.map(&:position)).to eq([0, 1, 2, 3, 4])
      expect(groups[3]).to have_attributes(name: "own", id: "app_own_3", to_s: "app_own_3", consumer_group_id: "app")
      expect(groups[0].name).to match(/\A\h{12}\z/)
      expect(routes.first.topics.first.subscription_group).to equal(groups[0])
    end

    it "keep their places and names when routes are added or drawn anew" do
      routes_of = proc do
        consumer_group("a") { topic("x") { consumer OrdersConsumer } }
        consumer_group("b") { topic("y") { consumer OrdersConsumer } }
      end
      draw(&routes_of)
      before = routes.flat_map(&:subscription_groups).map(&:id)
      draw { consumer_group("a") { topic("z") { consumer(OrdersConsumer) && max_messages(1) } } }

      expect(routes.flat_map(&:subscription_groups).map(&:position)).to eq([0, 2, 1])
      routes.redraw(&routes_of)
      expect(routes.flat_map(&:subscription_groups).map(&:id)).to eq(before)
    end

    it "leave out what is not active" do
      draw do
        topic(:a) { consumer OrdersConsumer }
        topic(:b) { active false }
        consumer_group(:off) { topic(:c) { active false } }
      end

      expect(routes.active.map(&:id)).to eq(%w[app])
      expect(Karafka::App.subscription_groups.keys.map(&:id)).to eq(%w[app])
      expect(Karafka::App.subscription_groups.values.flatten.map(&:subscriptions)).to eq([%w[a]])
      expect(Karafka::App.subscription_groups.values.flatten.first.topics.map(&:name)).to eq(%w[a])
    end
  end

  describe "clear and redraw" do
    it "keep or drop the defaults" do
      draw do
        defaults { max_messages 9 }
        topic(:a) { consumer OrdersConsumer }
      end
      routes.redraw { topic(:b) { consumer OrdersConsumer } }
      expect(routes.first.topics.map { |topic| [topic.name, topic.max_messages] }).to eq([["b", 9]])

      routes.clear
      draw { topic(:c) { consumer OrdersConsumer } }
      expect(routes.first.topics.map { |topic| [topic.name, topic.max_messages] }).to eq([["c", 100]])
    end
  end

  describe Karafka::Routing::Router do
    it "finds topics, and makes up those that are not routed" do
      draw do
        defaults { deserializer(->(_) { :default }) }
        topic(:a) { consumer OrdersConsumer }
      end

      expect(described_class.find_by(name: "a").name).to eq("a")
      expect(described_class.find_by(name: "b")).to be_nil
      expect(described_class.find_or_initialize_by_name("b").deserializers.payload.call(nil)).to eq(:default)
    end
  end

  it "tells a topic that is not there" do
    draw { topic(:a) { consumer OrdersConsumer } }

    expect(routes.first.topics.find(:a).name).to eq("a")
    expect { routes.first.topics.find("b") }.to raise_error(Karafka::Errors::TopicNotFoundError, "b")
  end

  it "prints no settings" do
    setup_app(kafka: { "bootstrap.servers": "a", "sasl.password": "hunter2" })
    draw { topic(:a) { consumer OrdersConsumer } }
    group = routes.first.subscription_groups.first

    expect([routes, routes.first, routes.first.topics.first, group].map(&:inspect).join).not_to include("hunter2")
  end
end
