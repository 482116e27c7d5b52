# frozen_string_literal: true

RSpec.describe "An engine that has nothing to do" do
  let(:engine) { Karafka::Embedded.runtime.engine }
  let(:topic) { create_topic("orders") }

  def start
    setup_embedded(bootstrap, kafka: { "statistics.interval.ms": 100 })
    route(topic, consumer_class { nil })
    start_with({ topic => 1 })
  end

  it "wakes no thread of Ruby" do
    start
    await_looks(2) # By then all that a start brings was told
    woken = Queue.new
    %i[watch next_event].each do |wait|
      allow(engine).to receive(wait).and_wrap_original do |original, *arguments|
        original.call(*arguments).tap { woken << wait }
      end
    end
    counted = []
    eventually("waits that are counted") do
      engine.nudge_watchdog
      engine.nudge_events
      counted << woken.pop until woken.empty?
      counted.uniq.size == 2
    end
    await_looks(2) # The first may be that of the last nudge, whose wake-up is still on its way
    woken.clear
    await_looks(3)

    expect(Array.new(woken.size) { woken.pop }).to eq([])
  end

  it "tells who subscribes" do
    start
    await_looks(2)
    events = EventRecorder.new("statistics.emitted", "connection.listener.fetch_loop")

    expect(events.await("connection.listener.fetch_loop").payload).to include(subscription_group: be_a(Object))
    expect(events.await("statistics.emitted").payload[:statistics]).to include("topics")
  end
end
