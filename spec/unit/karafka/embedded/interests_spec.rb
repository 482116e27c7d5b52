# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Interests do
  subject(:interests) { described_class.new(engine) }

  let(:engine) do
    Class.new do
      attr_accessor :busy

      def nudges = @nudges ||= []
      def nudge_events = nudges << :nudge
      def job_counts = [busy.to_i, 0]
    end.new
  end

  before { setup_app }

  it "has nobody to tell of polls where only the framework's own listeners are" do
    expect(Karafka.monitor.subscribed?("client.events_poll")).to be(true)
    expect(interests).not_to be_heartbeat
  end

  it "has somebody to tell of polls who is subscribed to one of their events" do
    Karafka::Embedded::Listener::POLL_EVENTS.each do |id|
      subscriber = proc {}
      Karafka.monitor.subscribe(id, &subscriber)
      expect(interests).to be_heartbeat
      Karafka.monitor.unsubscribe(subscriber)
      expect(interests).not_to be_heartbeat
    end
  end

  it "tells of polls while jobs run, whose assignment may be lost" do
    engine.busy = 1
    expect(interests).to be_heartbeat
  end

  it "tells a monitor of polls that may do something with every event" do
    setup_app { |config| config.monitor = Class.new(Karafka::Instrumentation::Monitor).new }
    expect(interests).to be_heartbeat
    expect(interests.watch { :ran }).to eq(:ran)
  end

  it "ends a wait for events when somebody comes or goes" do
    subscriber = proc {}
    interests.watch do
      Karafka.monitor.subscribe("app.running", &subscriber)
      expect(engine.nudges.size).to eq(1)
      Karafka.monitor.unsubscribe(subscriber)
      expect(engine.nudges.size).to eq(2)
      Karafka.monitor.notifications_bus.clear("app.running")
      expect(engine.nudges.size).to eq(3)
    end
    Karafka.monitor.subscribe("app.running", &subscriber)
    expect(engine.nudges.size).to eq(3)
  end
end
