# frozen_string_literal: true

RSpec.describe "A fault of the engine" do
  let(:topic) { create_topic("orders") }

  def with_fault(fault)
    ChildProcess.open(:panic, topic: topic, fault: fault, **on_broker) do |process|
      process.await(:running)
      yield process
      process.signal(:TERM)
      expect(process.await(:state)).to include(state: fault == :binding_panic ? "running" : "crashed")
      process.await(:stopped)
      expect(process.await(:running_again)).to include(clean: true)
      expect(process.wait).to be_success
    end
  end

  {
    control_panic: /control thread panicked: asked to/,
    poll_panic: /poll thread panicked: asked to/,
    fatal_error: /fatal error of the Kafka client/
  }.each do |fault, message|
    it "is a crash that is reported and that the process survives (#{fault})" do
      with_fault(fault) do |process|
        expect(process.await(:error)).to include(message: message)
        expect(process.await(:crashed)[:health]).to include(
          state: "crashed", healthy: false, reasons: include(message).and(include("crashed"))
        )
      end
    end
  end

  it "is an error of the batch when the binding panics in a job" do
    with_fault(:binding_panic) do |process|
      Feed.open(bootstrap) { |feed| feed.send(topic, %w[panic]) }
      expect(process.await(:error)).to include(
        type: "consumer.consume.error", class: "Karafka::Native::PanicError", message: /panicked: asked to/
      )
      expect(process.await(:consumed)).to include(payload: "panic")
    end
  end
end
