# frozen_string_literal: true

RSpec.describe Karafka::Core::Monitoring::Notifications do
  subject(:bus) { described_class.new.tap { |bus| bus.register_event("work.done") && bus.register_event("other") } }

  let(:events) { [] }

  it "passes the payload to a block" do
    bus.subscribe("work.done") { |event| events << event }
    bus.instrument("work.done", by: "me")

    expect(events.first.id).to eq("work.done")
    expect(events.first[:by]).to eq("me")
    expect(events.first.payload).to eq(by: "me")
  end

  it "has nobody to hear of an event, unless somebody subscribed or the monitor does something with each" do
    monitor = Karafka::Core::Monitoring::Monitor
    all_seeing = Class.new(monitor) { def instrument(*) = nil }

    expect([monitor, all_seeing].map { |one| one.new(bus).subscribed?("other") }).to eq([false, true])
    bus.subscribe("other") { nil }
    expect(monitor.new(bus)).to be_subscribed("other")
  end

  it "raises for a payload key that is not there" do
    bus.subscribe("work.done") { |event| event[:missing] }

    expect { bus.instrument("work.done") }.to raise_error(KeyError)
  end

  it "times a block, and returns what it returned" do
    bus.subscribe("work.done") { |event| events << event[:time] }

    expect(bus.instrument("work.done") { :result }).to eq(:result)
    expect(events).to contain_exactly(be_a(Float).and(be >= 0))
  end

  it "says nothing of a block that raised" do
    bus.subscribe("work.done") { |event| events << event }

    expect { bus.instrument("work.done") { raise "no" } }.to raise_error("no")
    expect(events).to be_empty
  end

  it "just yields when nobody listens" do
    expect(bus.instrument("work.done") { 5 }).to eq(5)
    expect(bus.instrument("work.done")).to be_nil
  end

  it "reaches who subscribed while the block ran" do
    bus.instrument("work.done") { bus.subscribe("work.done") { |event| events << event[:time] } }

    expect(events).to eq([0.0])
  end

  it "calls every on_ method of a listener" do
    listener = Class.new do
      attr_reader :seen

      def on_work_done(event)
        (@seen ||= []) << event.id
      end
    end.new
    bus.subscribe(listener)
    %w[work.done other].each { |id| bus.instrument(id) }

    expect(listener.seen).to eq(%w[work.done])
    expect(bus.listeners).to eq("work.done" => [listener], "other" => [])
  end

  it "knows an event by its text, whichever String has it" do
    %w[work other].each { |name| bus.register_event(+"#{name}.begun") }
    bus.subscribe(+"work.begun") { |event| events << event.id }
    2.times { |turn| bus.instrument(%w[work begun].join("."), turn: turn) }
    bus.instrument("work.begun")

    expect(events).to eq(%w[work.begun work.begun work.begun])
    expect(%w[work other].map { |name| bus.subscribed?("#{name}.begun") }).to eq([true, false])
    expect { bus.instrument(:"work.begun") }.to raise_error(described_class::EventNotRegistered)
  end

  it "does not know events nobody registered" do
    error = described_class::EventNotRegistered

    expect { bus.subscribe("nope") { nil } }.to raise_error(error, "nope")
    expect { bus.instrument("nope") }.to raise_error(error, "nope")
    expect { bus.clear("nope") }.to raise_error(error, "nope")
  end

  it "forgets blocks and listeners" do
    block = ->(event) { events << event }
    bus.subscribe("work.done", &block)
    bus.unsubscribe(block)
    bus.instrument("work.done")

    expect(events).to be_empty
  end

  it "clears one event or all" do
    %w[work.done other].each { |id| bus.subscribe(id) { |event| events << event.id } }

    bus.clear("other")
    expect { %w[work.done other].each { |id| bus.instrument(id) } }.to change { events.dup }.to(%w[work.done])
    bus.clear
    expect(bus.subscribed?("work.done")).to be(false)
  end

  it "lets the error of a subscriber reach who emits" do
    bus.subscribe("work.done") { raise ArgumentError, "mine" }

    expect { bus.instrument("work.done") }.to raise_error(ArgumentError, "mine")
  end

  it "costs little when nobody listens", :timing do
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    100_000.times { bus.instrument("work.done", caller: self) }

    expect(Process.clock_gettime(Process::CLOCK_MONOTONIC) - started).to be < 1
  end
end
