# frozen_string_literal: true

RSpec.describe Karafka::Routing::EnginePlan do
  before { stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) { def consume; end }) }

  let(:plan) { described_class.new }
  let(:group) { plan.to_h[:groups].first }

  def app(kafka = {}, &block)
    setup_app(kafka: { "bootstrap.servers": "a:1", **kafka }) { |config| config.client_id = "shop" }
    block ||= proc { topic(:orders) { consumer OrdersConsumer } }
    draw(&block)
  end

  it "says what the engine is to do" do
    app

    expect(plan.to_h).to include(client_id: "shop", host_share: 5)
    expect(group).to include(group_id: "app", max_messages: 100)
    expect(group[:topics]).to eq(
      [{ name: "orders", max_messages: 100, max_wait_time_ms: 0, offsets: "automatic", eofed: false,
         pause: { timeout_ms: 1_000, max_timeout_ms: 30_000, growth: "exponential" } }]
    )
  end

  it "gives librdkafka strings, with our defaults under the user's settings" do
    app("linger.ms": 5, "fetch.wait.max.ms": 7)

    expect(group[:kafka]).to eq(
      "bootstrap.servers" => "a:1", "fetch.wait.max.ms" => "7", "client.id" => "shop", "group.id" => "app",
      "auto.offset.reset" => "earliest", "enable.auto.offset.store" => "false",
      "auto.commit.interval.ms" => "900", "statistics.interval.ms" => "5000", "max.poll.interval.ms" => "300000",
      "socket.nagle.disable" => "true", "client.software.name" => "karafka",
      "client.software.version" => "v#{Karafka::VERSION}", "allow.auto.create.topics" => "true",
      "topic.metadata.refresh.interval.ms" => "5000"
    )
  end

  it "lets the user's settings win, but for the offset store" do
    app("fetch.queue.backoff.ms": 50, "auto.commit.interval.ms": 9_000, "enable.auto.offset.store": true,
        "group.id": "mine", "client.id": "me", "auto.offset.reset": "error", "statistics.interval.ms": 0)

    expect(group[:group_id]).to eq("mine")
    expect(group[:kafka]).to include(
      "fetch.queue.backoff.ms" => "50", "auto.commit.interval.ms" => "9000", "enable.auto.offset.store" => "false",
      "client.id" => "me", "auto.offset.reset" => "error", "statistics.interval.ms" => "0"
    )
  end

  it "has no development helpers in production" do
    before = Karafka.env.to_s
    Karafka.env = "production"
    app

    expect(group[:kafka].keys).not_to include("allow.auto.create.topics", "topic.metadata.refresh.interval.ms")
  ensure
    Karafka.env = before
  end

  it "gives each subscription group a static id of its own" do
    app("group.instance.id": "web") do
      topic(:a) { consumer OrdersConsumer }
      topic(:b) { consumer(OrdersConsumer) && max_messages(1) }
    end

    expect(plan.to_h[:groups].map { |one| one[:kafka]["group.instance.id"] }).to eq(%w[web_0 web_1])
  end

  it "waits for messages only where somebody asked for it" do
    app do
      topic(:a) { consumer OrdersConsumer }
      topic(:b) { consumer(OrdersConsumer) && max_wait_time(50) }
      # The default, and asked for: it shares a connection with who did not ask
      topic(:c) { consumer(OrdersConsumer) && max_wait_time(1_000) }
    end
    waits = lambda do
      described_class.new.to_h[:groups].map do |one|
        one[:topics].to_h { |route| route.values_at(:name, :max_wait_time_ms) }
      end
    end

    expect(waits.call).to eq([{ "a" => 0, "c" => 1_000 }, { "b" => 50 }])
    Karafka::App.config.max_wait_time = 1_000
    expect(waits.call).to eq([{ "a" => 1_000, "c" => 1_000 }, { "b" => 50 }])
  end

  it "finds the routes by their indexes" do
    app do
      topic(:off) { active false }
      topic(:a) { consumer(OrdersConsumer) && manual_offset_management(true) }
    end

    expect(plan.topic(0, 0).name).to eq("a")
    expect(plan.subscription_group(0).topics.size).to eq(1)
    expect(group[:topics].first).to include(name: "a", offsets: "manual")
    expect(plan).not_to be_empty
  end

  it "shows no secret when it is printed" do
    app("sasl.password": "hunter2")

    expect(plan.to_h.to_s).to include("hunter2")
    expect(plan.inspect).not_to include("hunter2")
  end
end
