# frozen_string_literal: true

RSpec.describe Karafka::Status do
  subject(:status) { described_class.new }

  let(:seen) { [] }

  before do
    described_class::STATES.each_key { |state| Karafka.monitor.subscribe("app.#{state}") { |event| seen << event } }
  end

  it "goes forward through all states, each with its event" do
    described_class::STATES.each_value { |transition| status.public_send(transition) }

    expect(seen.map(&:id)).to eq(described_class::STATES.keys.drop(1).map { |state| "app.#{state}" })
    expect(seen.map(&:payload)).to all(eq(caller: status, server_id: Karafka::Server.id))
    expect(status).to be_terminated.and be_done
  end

  it "ignores moves to where it is or was" do
    2.times { status.stop! }
    status.run!

    expect(status).to be_stopping
    expect(seen.size).to eq(1)
  end

  it "goes on for others when all have heard" do
    gate = Queue.new
    Karafka.monitor.subscribe("app.stopping") do
      gate.pop
      seen << :heard
    end
    first = Thread.new { status.stop! }
    eventually("stopping") { status.stopping? }
    second = Thread.new { status.stop!.tap { seen << :went_on } }
    eventually("wait") { second.stop? && gate.num_waiting == 1 }
    gate << :go
    [first, second].each(&:join)

    expect(seen.last(2)).to eq(%i[heard went_on])
  end

  it "is done from quieting on" do
    expect(status.tap(&:run!)).not_to be_done
    expect(status.tap(&:quiet!)).to be_done
    expect(status.to_s).to eq("quieting")
  end

  it "reports a subscriber that raises, and moves on" do
    reported = EventRecorder.new("error.occurred")
    Karafka.monitor.subscribe("app.running") { raise NotImplementedError, "in a subscriber" }
    status.run!

    expect(status).to be_running
    expect(reported.of("error.occurred").first.payload)
      .to include(type: "runner.call.error", caller: status, error: have_attributes(message: "in a subscriber"))
  end

  it "lets who sets up know of a subscriber that raises" do
    Karafka.monitor.subscribe("app.initialized") { raise "in a subscriber" }

    expect { status.initialized! }.to raise_error("in a subscriber")
  end

  it "can begin again" do
    status.terminate!
    status.reset!
    status.run!

    expect(seen.map(&:id)).to eq(%w[app.terminated app.running])
  end

  it "moves once, whoever moves it" do
    Array.new(10) { Thread.new { status.run! } }.each(&:join)

    expect(seen.size).to eq(1)
  end

  it "is the application's" do
    setup_app
    Karafka::App.run!

    expect(Karafka::App).to be_running
    expect(Karafka::App).not_to be_stopping
  end
end
