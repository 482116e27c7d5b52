# frozen_string_literal: true

require "timeout"

RSpec.describe "A stop whose group can't be left in time" do
  # A cluster whose answers can be delayed
  let(:broker) { Karafka::Embedded::Broker.start }
  let(:topic) { unique("orders").tap { |name| broker.create_topic(name) } }

  after { broker.stop }

  it "is told as error.occurred, app.forceful_stopping.error" do
    setup_embedded(broker.bootstrap_servers)
    route(topic, consumer_class { nil })
    start_with({ topic => 1 })
    events = EventRecorder.new("error.occurred", "app.stopped")
    broker.native.round_trip_time(30_000)
    report = Karafka::Embedded.stop(timeout: 500)

    expect(report.groups_not_left).to eq([Karafka::App.routes.first.subscription_groups.first.id])
    told = events.of("error.occurred").find { |event| event[:type] == "app.forceful_stopping.error" }
    expect(told.payload.keys).to contain_exactly(:caller, :error, :type)
    expect(told[:error]).to be_a(Karafka::Errors::ForcefulShutdownError)
    expect(told[:error].message).to include("was not left")
    expect(events.ids.last).to eq("app.stopped")
  end
end

# Work that does not end, and who hears of that
RSpec.describe "A stop that has to leave work behind" do
  let(:topic) { create_topic("orders") }
  let(:release) { Queue.new }

  after { release.close }

  def start_busy
    setup_embedded(bootstrap)
    entered = Queue.new
    gate = release
    route(topic, consumer_class { (entered << 1) && gate.pop })
    start_with({ topic => 1 })
    feed(topic, ["1"])
    eventually("job") { !entered.empty? }
  end

  it "ends though a subscriber of its error stops, too" do
    start_busy
    answers = []
    Karafka.monitor.subscribe("error.occurred") { answers << Karafka::Embedded.stop }
    report = Timeout.timeout(20) { Karafka::Embedded.stop(timeout: 500) }

    expect(report.abandoned.size).to eq(1)
    eventually("answer") { answers.include?(nil) }
    expect(Karafka::Embedded.state).to eq(:stopped)
  end

  it "knows the subscriber's thread before that of the stop goes on" do
    start_busy
    answers = []
    Karafka.monitor.subscribe("error.occurred") { answers << Karafka::Embedded.stop }
    hold_makers { |made| made.join(5) if Thread.current.name == "karafka.stop" }
    Timeout.timeout(20) { Karafka::Embedded.stop(timeout: 500) }

    expect(answers).to eq([nil])
  end

  it "ends though a subscriber of its error does not return, and logs that" do
    start_busy
    allow(Karafka.logger).to receive(:error)
    held = Queue.new
    Karafka.monitor.subscribe("error.occurred") { held.pop }
    report = Timeout.timeout(20) { Karafka::Embedded.stop(timeout: 500) }

    expect(report.abandoned.size).to eq(1)
    expect(Karafka.logger).to have_received(:error).with(/subscriber of error.occurred has not/).at_least(:once)
  ensure
    held&.close
  end
end
