# frozen_string_literal: true

RSpec.describe "Starting and stopping again and again in one process, with messages flowing" do
  include Leaks

  let(:cycles) { Acceptance.size(full: 100, short: 30) }
  let(:topic) { KafkaServer.create_topic("visits", partitions: 4) }

  def holdings
    ChildProcess.open(:cycles, environment: Leaks::ENVIRONMENT, bootstrap: KafkaServer.bootstrap, topic: topic,
                               group: unique("group"), cycles: cycles) do |child|
      Array.new(cycles) { child.await(:cycle, within: 60) }.tap { child.await(:done) }
    end
  end

  it "returns threads and file descriptors each time, and doesn't grow" do
    all = flow(topic) { holdings }
    expect(all.map { |cycle| cycle[:clean] }).to all(be(true))
    expect_no_growth(all)
  end
end
