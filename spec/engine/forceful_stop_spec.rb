# frozen_string_literal: true

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
