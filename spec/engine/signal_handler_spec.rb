# frozen_string_literal: true

RSpec.describe "Lifecycle calls in a signal handler" do
  let(:topic) { create_topic("orders") }

  # What a handler that runs the block returned or raised
  def in_trap
    outcome = Queue.new
    former = trap(:USR2) do
      outcome << yield
    rescue StandardError => e
      outcome << e
    end
    Process.kill(:USR2, Process.pid)
    eventually("signal handler") { !outcome.empty? }
    outcome.pop
  ensure
    trap(:USR2, former || "DEFAULT")
  end

  before do
    setup_embedded(bootstrap)
    route(topic, consumer_class { nil })
  end

  it "refuse to start, and say how to" do
    error = in_trap { Karafka::Embedded.start }
    expect(error).to be_a(Karafka::Errors::UnsupportedCaseError)
    expect(error.message).to include("Thread.new")
    expect(Karafka::Embedded.state).to eq(:stopped)
  end

  it "quiet" do
    start_with({ topic => 1 })
    expect(in_trap { Karafka::Embedded.quiet }).to be_nil
    expect(Karafka::Embedded.wait_until(:quiet, timeout: 5_000)).to be(true)
  end

  it "stop, and give the report" do
    start_with({ topic => 1 })
    report = in_trap { Karafka::Embedded.stop }
    expect(report).to be_clean
    expect(Karafka::Embedded.stop).to equal(report)
  end

  it "tell state and health" do
    start_with({ topic => 1 })
    expect(in_trap { [Karafka::Embedded.state, Karafka::Embedded.health[:state]] }).to eq(%i[running running])
  end
end
