# frozen_string_literal: true

RSpec.describe "Karafka::Native::Worker" do
  let(:topic) { create_topic("orders") }

  before do
    setup_embedded(bootstrap)
    route(topic, consumer_class { nil })
    start_with({ topic => 1 })
  end

  # A thread that is interrupted while it may not be, as one of the workers between two jobs, and then waits for a job
  def interrupted_early
    begun = Queue.new
    taken = Queue.new
    thread = Thread.handle_interrupt(Object => :on_blocking) do
      Thread.new do
        native = Karafka::Native::Worker.new(Karafka::Embedded.runtime.engine)
        begun << true
        # Ruby looks at it here, again and again, and puts it off
        nil until Thread.pending_interrupt?
        100.times { nil }
        taken << native.take
      ensure
        native.leave
      end
    end
    thread.report_on_exception = false
    begun.pop
    yield thread
    eventually("an answer") { taken.size == 1 }
    taken.pop
  end

  it "does not wait for a job where an interrupt was put off" do
    expect(interrupted_early(&:kill)).to eq(:interrupted)
    expect(interrupted_early { |thread| thread.raise("enough") }).to eq(:interrupted)
  end
end
