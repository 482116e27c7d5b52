# frozen_string_literal: true

require "karafka/instrumentation/vendors/appsignal/errors_listener"
require "karafka/instrumentation/vendors/appsignal/metrics_listener"

RSpec.describe Karafka::Instrumentation::Vendors::Appsignal do
  let(:appsignal) { FakeServices::Appsignal }
  let(:routed) { Karafka::App.routes.first.topics.first }
  let(:tags) do
    { "consumer_group" => "app", "topic" => "orders", "partition" => 0, "consumer" => "OrdersConsumer" }
  end

  before do
    stub_const("Appsignal", appsignal)
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer) do
      def consume = messages.first.raw_payload == "bad" && raise("bad order")
    end)
    setup_app { |config| config.logger = Logger.new(File::NULL) }
    draw { topic(:orders) { consumer OrdersConsumer } }
  end

  after { appsignal.forget }

  def run(*payloads, kind: :consume)
    @executors ||= Karafka::Processing::Executors.new
    lease = FakeNative::Lease.new(kind: kind, partition: FakeNative::Partition.new, batch: batch_of(*payloads))
    work_on(@executors, lease, routed)
  end

  def told(name)
    appsignal.told.select { |_, key,| key == "karafka_#{name}" }
  end

  describe Karafka::Instrumentation::Vendors::Appsignal::MetricsListener do
    before { Karafka.monitor.subscribe(described_class.new) }

    it "makes a batch a transaction" do
      run("1", "2")
      transaction = appsignal.transactions.first

      expect(transaction).to have_attributes(namespace: "karafka", action: "OrdersConsumer#consume")
      expect(transaction.metadata)
        .to eq(tags.merge("batch_size" => 2, "first_offset" => 10, "last_offset" => 11))
      expect(appsignal::Transaction).not_to be_current
    end

    it "counts what consumers do" do
      run("1", "2")

      expect(told("consumer_messages")).to eq([[:count, "karafka_consumer_messages", 2, tags]])
      expect(told("consumer_batches").first).to include(:count, 1)
      expect(told("consumer_offset").first).to include(:gauge, 11)
      %w[batch_size consumed_time_taken processing_lag consumption_lag].each do |name|
        expect(told("consumer_#{name}").first).to match([:distribution, String, Numeric, tags])
      end
      run(kind: :revoked)
      expect(told("consumer_revoked").first).to include(:count, 1)
      expect(appsignal.transactions.last.action).to eq("OrdersConsumer#revoked")
    end

    it "counts errors and ends their transactions" do
      run("bad")
      Karafka.monitor.instrument("error.occurred", type: "librdkafka.error", error: RuntimeError.new, caller: nil)

      expect(told("consumer_errors").map(&:last)).to eq([tags.merge("type" => "consumer.consume.error")])
      expect(told("error_occurred").map(&:last)).to eq([{ "type" => "librdkafka.error" }])
      expect(appsignal::Transaction).not_to be_current
    end

    it "counts dead letters" do
      run("1")
      consumer = @executors.consumers.first
      Karafka.monitor.instrument("dead_letter_queue.dispatched", caller: consumer, message: nil)

      expect(told("consumer_dead").map(&:last)).to eq([tags])
    end

    it "passes on what librdkafka tells" do
      lag = { "consumer_lag_stored" => 3, "fetch_state" => "active" }
      Karafka.monitor.instrument(
        "statistics.emitted",
        consumer_group_id: "app", statistics: { "topics" => { "orders" => { "partitions" => { "0" => lag } } } }
      )

      labels = { "consumer_group" => "app", "topic" => "orders" }
      expect(told("consumer_lag")).to eq([[:gauge, "karafka_consumer_lag", 3, labels.merge("partition" => "0")]])
      expect(told("consumer_aggregated_lag").first).to include(:gauge, 3)
    end

    it "tells each minute how many threads there are" do
      Karafka::App.run!
      appsignal.probes.fetch(:karafka).call

      expect(told("threads_count")).to eq([[:gauge, "karafka_threads_count", 0, {}]])
      expect(told("processes_count")).to eq([[:gauge, "karafka_processes_count", 1, {}]])
    end
  end

  describe Karafka::Instrumentation::Vendors::Appsignal::ErrorsListener do
    it "tells of each error once, whoever else listens" do
      Karafka.monitor.subscribe(described_class.new)
      Karafka.monitor.subscribe(Karafka::Instrumentation::Vendors::Appsignal::MetricsListener.new)
      run("bad")

      expect(appsignal.told.select { |what,| what == :error }.map { |_, error| error.message }).to eq(["bad order"])
    end

    it "takes another client" do
      seen = []
      client = Class.new { define_method(:report_error) { |error| seen << error } }.new
      Karafka.monitor.subscribe(described_class.new { |config| config.client = client })
      Karafka.monitor.instrument("error.occurred", type: "x", error: :failure, caller: nil)

      expect(seen).to eq([:failure])
    end
  end
end
