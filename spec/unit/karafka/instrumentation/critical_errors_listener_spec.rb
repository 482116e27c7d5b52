# frozen_string_literal: true

RSpec.describe Karafka::Instrumentation::CriticalErrorsListener do
  let(:stops) { Queue.new }

  before do
    setup_app { |config| config.logger = Logger.new(File::NULL) }
    allow(Karafka::Server).to receive(:stop) { stops << Thread.current.name }
  end

  def report(error, type: "consumer.consume.error")
    Karafka.monitor.instrument("error.occurred", type: type, error: error, caller: nil)
  end

  [SystemExit.new, SignalException.new("TERM"), NoMemoryError.new].each do |error|
    it "stops the engine for a #{error.class}, on a thread of its own" do
      report(error)
      expect(eventually("stop") { stops.pop unless stops.empty? }).to eq("karafka.critical_shutdown")
    end
  end

  it "leaves other errors, and those that are not of consumers, alone" do
    thread_names = -> { Thread.list.filter_map(&:name) }
    report(StandardError.new)
    report(SystemExit.new, type: "librdkafka.error")

    expect(thread_names.call).not_to include("karafka.critical_shutdown")
    expect(stops).to be_empty
  end
end
