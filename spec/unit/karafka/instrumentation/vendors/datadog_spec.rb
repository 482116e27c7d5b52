# frozen_string_literal: true

require "karafka/instrumentation/vendors/datadog/logger_listener"
require "karafka/instrumentation/vendors/datadog/metrics_listener"
require "stringio"

RSpec.describe Karafka::Instrumentation::Vendors::Datadog do
  let(:log) { StringIO.new }
  let(:routed) { Karafka::App.routes.first.topics.first }

  before do
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) do
      def consume = messages.first.raw_payload == "bad" && raise("bad order")
    end)
    setup_app { |config| config.logger = Logger.new(log) }
    draw { topic(:orders) { consumer OrdersConsumer } }
  end

  def run(*payloads, kind: :consume)
    queue = Struct.new(:statistics).new({ busy: 2, enqueued: 3 })
    @executors ||= Karafka::Processing::Executors.new(jobs_queue: queue)
    lease = FakeNative::Lease.new(kind: kind, partition: FakeNative::Partition.new, batch: batch_of(*payloads))
    work_on(@executors, lease, routed)
  end

  def statistics
    {
      "rxmsgs_d" => 5, "rxmsg_bytes_d" => 500,
      "brokers" => {
        "b:1" => { "nodeid" => 1, "nodename" => "b:1", "txretries_d" => 1, "rtt" => { "avg" => 7 } },
        "bootstrap" => { "nodeid" => -1, "nodename" => "x", "txretries_d" => 9 }
      },
      "topics" => { "orders" => { "partitions" => {
        "0" => { "consumer_lag_stored" => 3, "consumer_lag_stored_d" => -1, "fetch_state" => "active" },
        "1" => { "consumer_lag_stored" => 4, "consumer_lag_stored_d" => 0, "fetch_state" => "active" },
        "2" => { "consumer_lag_stored" => -1, "fetch_state" => "active" },
        "3" => { "consumer_lag_stored" => 9, "fetch_state" => "none" },
        "-1" => { "consumer_lag_stored" => -1 }
      } } }
    }
  end

  describe Karafka::Instrumentation::Vendors::Datadog::MetricsListener do
    let(:statsd) { FakeServices::Statsd.new }
    let(:mode) { :histogram }
    let(:listener) do
      described_class.new do |config|
        config.client = statsd
        config.default_tags = ["host:h"]
        config.distribution_mode = mode
      end
    end

    before { Karafka.monitor.subscribe(listener) }

    def told(name)
      statsd.told.select { |_, stat,| stat == "karafka.#{name}" }
    end

    def values(name)
      told(name).map { |method, _, value,| [method, value] }
    end

    it "counts what consumers do" do
      run("1", "2")
      tags = %w[host:h topic:orders partition:0 consumer:OrdersConsumer consumer_group:app]

      expect(told("consumer.messages")).to eq([[:count, "karafka.consumer.messages", 2, tags]])
      expect(values("consumer.batches")).to eq([[:count, 1]])
      expect(values("consumer.offset")).to eq([[:gauge, 11]])
      expect(values("consumer.batch_size")).to eq([[:histogram, 2]])
      %w[consumed.time_taken processing_lag consumption_lag].each do |name|
        expect(values("consumer.#{name}")).to match([[:histogram, a_kind_of(Numeric)]])
      end
      run(kind: :revoked)
      expect(values("consumer.revoked")).to eq([[:count, 1]])
    end

    it "tells of workers" do
      run("1")

      expect(values("worker.total_threads")).to eq([[:gauge, 0]])
      expect(values("worker.processing")).to eq([[:histogram, 2], [:histogram, 2]])
      expect(values("worker.enqueued_jobs")).to eq([[:histogram, 3]])
    end

    it "counts errors" do
      run("bad")
      Karafka.monitor.instrument("error.occurred", type: "librdkafka.error", error: RuntimeError.new, caller: nil)

      expect(told("error_occurred").map(&:last)).to eq(
        [%w[host:h type:consumer.consume.error topic:orders partition:0 consumer:OrdersConsumer consumer_group:app],
         %w[host:h type:librdkafka.error]]
      )
    end

    it "tells how long polls took" do
      Karafka.monitor.instrument(
        "connection.listener.fetch_loop.received",
        caller: nil, subscription_group: routed.subscription_group, messages_buffer: [1, 2], time: 1.5
      )

      expect(told("listener.polling.time_taken")).to eq(
        [[:histogram, "karafka.listener.polling.time_taken", 1.5, %w[host:h consumer_group:app]]]
      )
      expect(values("listener.polling.messages")).to eq([[:histogram, 2]])
    end

    it "passes on what librdkafka tells" do
      Karafka.monitor.instrument("statistics.emitted", consumer_group_id: "app", statistics: statistics)

      expect(told("messages.consumed")).to eq([[:count, "karafka.messages.consumed", 5, %w[host:h consumer_group:app]]])
      expect(told("consume.attempts"))
        .to eq([[:count, "karafka.consume.attempts", 1, %w[host:h consumer_group:app broker:b:1]]])
      expect(values("network.latency.avg")).to eq([[:gauge, 7]])
      expect(told("consumer.lags").map { |line| line.drop(2) }).to eq(
        [[3, %w[host:h consumer_group:app topic:orders partition:0]],
         [4, %w[host:h consumer_group:app topic:orders partition:1]]]
      )
      expect(values("consumer.lags_delta")).to eq([[:gauge, -1], [:gauge, 0]])
      expect(values("consumer.aggregated_lag")).to eq([[:gauge, 7]])
    end

    it "sends what was configured, under another name" do
      listener.configure do |config|
        config.namespace = "shop"
        config.rd_kafka_metrics = [described_class::RdKafkaMetric.new(:gauge, :root, "seen", "rxmsgs_d")]
      end
      Karafka.monitor.instrument("statistics.emitted", consumer_group_id: "app", statistics: statistics)

      expect(statsd.told.map { |line| line.first(3) })
        .to eq([[:gauge, "shop.seen", 5], [:gauge, "shop.consumer.aggregated_lag", 7]])
    end

    context "with distributions" do
      let(:mode) { :distribution }

      it "has Datadog compute them" do
        run("1")
        expect(values("consumer.batch_size")).to eq([[:distribution, 1]])
      end
    end

    it "knows no other mode" do
      listener.config.distribution_mode = :average
      expect { listener.histogram("x", 1) }.to raise_error(ArgumentError, /:average/)
    end
  end

  describe Karafka::Instrumentation::Vendors::Datadog::LoggerListener do
    let(:tracing) { FakeServices::Tracing.new }

    before do
      client = tracing
      Karafka.monitor.subscribe(described_class.new do |config|
        config.client = client
        config.service_name = "shop"
      end)
    end

    it "makes a job a trace" do
      run("1")

      expect(tracing.spans.map(&:to_a))
        .to eq([["karafka.consumer", "shop", "OrdersConsumer#consume", nil, true]])
      expect(log.string).to match(/OrdersConsumer#consume job started on orders/)
        .and match(/OrdersConsumer#consume job finished in [\d.]+ ms on orders/)
    end

    it "puts the error into it" do
      run("bad")

      expect(tracing.spans.map { |span| [span.error&.message, span.finished] }).to eq([["bad order", true]])
      expect(log.string).to include("Consumer consuming error: bad order")
    end

    it "logs an error outside of a job" do
      Karafka.monitor.instrument("error.occurred", type: "librdkafka.error", error: RuntimeError.new("x"), caller: nil)
      expect(log.string).to include("librdkafka internal error occurred: x")
    end

    it "tags what is logged meanwhile, where the logger can" do
      tags = []
      Karafka.logger.define_singleton_method(:push_tags) { |*all| tags << all }
      Karafka.logger.define_singleton_method(:pop_tags) { tags << :pop }
      run("1")

      expect(tags).to eq([["dd.trace_id=1"], :pop, ["dd.trace_id=1"], :pop])
    end
  end
end
