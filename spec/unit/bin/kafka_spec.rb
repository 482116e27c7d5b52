# frozen_string_literal: true

require "tmpdir"
require_relative "../../../bin/support/kafka/broker"

RSpec.describe DevKafka::Broker do
  def process(*arguments)
    pid = Process.spawn(RbConfig.ruby, "-e", "sleep", "--", *arguments, in: File::NULL, out: File::NULL)
    Timeout.timeout(10) { sleep(0.01) until DevKafka::Processes.command(pid).to_s.include?("sleep") }
    yield pid
  ensure
    Process.kill(:KILL, pid)
    Process.wait(pid)
  end

  it "finds its processes beside others whose command line is no UTF-8" do
    Dir.mktmpdir("käfka") do |directory|
      broker = described_class.new(1, directory, { client: 1, controller: 2 })
      process("\xFF") do
        process("-Dkarafka_embedded.broker=#{directory}/") { |ours| expect(broker.pids).to eq([ours]) }
        expect(broker.pids).to be_empty
      end
    end
  end
end
