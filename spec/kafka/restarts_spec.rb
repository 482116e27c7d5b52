# frozen_string_literal: true

RSpec.describe "Crashing and being started again by policy in one process, with messages flowing" do
  include Leaks

  let(:cycles) { Acceptance.size(full: 500, short: 40) }
  let(:topic) { KafkaServer.create_topic("visits", partitions: 4) }

  def holdings
    ChildProcess.open(:restarts, environment: Leaks::ENVIRONMENT, bootstrap: KafkaServer.bootstrap, topic: topic,
                                 group: unique("group"), cycles: cycles) do |child|
      all = Array.new(cycles) { child.await(:cycle, within: 60) }
      expect(child.await(:done)).to include(clean: true)
      all
    end
  end

  it "consumes after each, returns threads and file descriptors, and doesn't grow" do
    all = flow(topic) { holdings }
    expect(all.map { |cycle| cycle[:restarts] }).to eq((0...cycles).to_a)
    expect_no_growth(all)
  end
end
