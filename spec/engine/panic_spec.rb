# frozen_string_literal: true

RSpec.describe "A fault of the engine" do
  let(:topic) { create_topic("orders") }

  def with_fault(fault)
    ChildProcess.open(:panic, topic: topic, fault: fault, **on_broker) do |process|
      process.await(:running)
      yield process
      process.signal(:TERM)
      expect(process.await(:state)).to include(state: fault == :control_panic ? "crashed" : "running")
      process.await(:stopped)
      expect(process.await(:running_again)).to include(clean: true)
      expect(process.wait).to be_success
    end
  end

  it "is a crash that is reported and that the process survives when the control thread panics" do
    message = /control thread panicked: asked to/
    with_fault(:control_panic) do |process|
      expect(process.await(:error)).to include(message: message)
      expect(process.await(:crashed)[:health]).to include(
        state: "crashed", healthy: false, reasons: include(message).and(include("crashed"))
      )
    end
  end

  {
    poll_panic: /poll thread panicked: asked to/,
    fatal_error: /fatal error of the Kafka client: .*asked to/
  }.each do |fault, message|
    it "costs a group its client, and it gets a new one (#{fault})" do
      with_fault(fault) do |process|
        expect(process.await(:error)).to include(type: "connection.listener.fetch_loop.error", message: message)
        expect(process.await(:failed)[:health]).to include(
          state: "running", healthy: false, reasons: include(message)
        )
        expect(process.await(:reset)[:client]).to match(/#consumer-\d+\z/)
        expect(process.await(:healed)[:health]).to include(state: "running", reasons: [])
        Feed.open(bootstrap) { |feed| feed.send(topic, %w[1]) }
        expect(process.await(:consumed)).to include(payload: "1")
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
