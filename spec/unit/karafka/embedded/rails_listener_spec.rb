# frozen_string_literal: true

require "karafka/embedded/rails_listener"
require "stringio"

RSpec.describe Karafka::Embedded::RailsListener do
  subject(:listener) { described_class.instance }

  let(:log) { StringIO.new }
  let(:reported) { [] }
  let(:error) { ArgumentError.new("bad order").tap { |error| error.set_backtrace(["app/consumers/x.rb:3"]) } }

  before do
    setup_app { |config| config.logger = Logger.new(log) }
    listener.watch(Karafka.monitor)
  end

  def rails(reporter = nil)
    rails = Module.new
    rails.define_singleton_method(:error) { reporter } if reporter
    stub_const("Rails", rails)
  end

  # Rails.error of 7.1 and later
  def reporter
    reported = self.reported
    Class.new do
      define_method(:report) do |error, handled: true, severity: nil, context: {}, source: nil|
        reported << { error: error, handled: handled, severity: severity, context: context, source: source }
      end
    end.new
  end

  # Rails.error of 7.0
  def older_reporter
    reported = self.reported
    Class.new do
      define_method(:report) do |error, handled: true, severity: nil, context: {}|
        reported << [error, handled, severity, context]
      end
    end.new
  end

  def fail_job(caller = self)
    Karafka::Instrumentation::ErrorReport.call(
      type: "consumer.consume.error", error: error, caller: caller, seek_offset: 7
    )
  end

  it "tells Rails.error what failed, and where" do
    rails(reporter)
    fail_job

    expect(reported).to eq(
      [{ error: error, handled: true, severity: :error, source: "karafka_embedded",
         context: { karafka: { type: "consumer.consume.error", seek_offset: 7 } } }]
    )
  end

  it "tells which consumer it was" do
    rails(reporter)
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer))
    draw { topic(:orders) { consumer OrdersConsumer } }
    consumer = OrdersConsumer.new
    consumer.karafka_topic = Karafka::App.routes.first.topics.first
    consumer.coordinator = FakeNative::Partition.new
    fail_job(consumer)

    expect(reported.first.dig(:context, :karafka))
      .to include(consumer: "OrdersConsumer", topic: "orders", partition: 0)
  end

  it "tells which partition it was where the consumer could not be loaded" do
    rails(reporter)
    stub_const("OrdersConsumer", Class.new(Karafka::BaseConsumer))
    draw { topic(:orders) { consumer OrdersConsumer } }
    hide_const("OrdersConsumer")
    topic = Karafka::App.routes.first.topics.first.tap { |route| route.consumer = "OrdersConsumer" }
    lease = FakeNative::Lease.new(kind: :consume, partition: FakeNative::Partition.new, assignment: 1, batch: nil)
    work_on(Karafka::Processing::Executors.new, lease, topic)

    expect(reported).to match([include(error: be_a(NameError))])
    expect(reported.first.dig(:context, :karafka))
      .to eq(type: "worker.process.error", topic: "orders", partition: 0)
  end

  it "knows what Rails 7.0 takes" do
    rails(older_reporter)
    fail_job

    expect(reported.map(&:first)).to eq([error])
  end

  it "logs it, with where it came from" do
    rails
    fail_job

    expect(log.string).to include("consumer.consume.error: ArgumentError: bad order\napp/consumers/x.rb:3")
  end

  it "logs it also when the reporter raises" do
    rails(Class.new { def report(*, **) = raise("tracker") }.new)
    fail_job

    expect(log.string).to include("bad order", "tracker")
  end

  it "leaves the log to the listener that is there for it" do
    rails(reporter)
    Karafka.monitor.subscribe(Karafka::Instrumentation::LoggerListener.new)
    fail_job

    expect(log.string.scan("bad order").size).to eq(1)
    expect(reported.size).to eq(1)
  end

  it "is told once, however often code is reloaded" do
    rails(reporter)
    listener.watch(Karafka.monitor)
    fail_job

    expect(reported.size).to eq(1)
  end

  it "warns of too few connections when consumers start" do
    stub_const("ActiveRecord::ActiveRecordError", Class.new(StandardError))
    stub_const("ActiveRecord::Base", double(connection_pool: double(size: 1)))
    Karafka.monitor.instrument("app.running")

    expect(log.string).to include("WARN", "1 connections for 6 threads")
  end
end
