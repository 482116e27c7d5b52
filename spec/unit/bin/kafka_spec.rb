# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "../../../bin/support/kafka/cluster"

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

RSpec.describe DevKafka::Cluster do
  it "deletes the clusters of runs that were killed, and no other" do
    gone = Process.spawn(RbConfig.ruby, "-e", "")
    Process.wait(gone)
    Dir.mktmpdir do |root|
      described_class.sweep(root, "bench")
      others = ["bench-#{Process.pid}", "bench-one", "bench-one-#{gone}", "test-#{gone}", "default"]
      ["bench-#{gone}", *others].each { |name| FileUtils.mkdir_p(File.join(root, name)) }
      described_class.sweep(root, "bench")
      expect(Dir.children(root)).to match_array(others)
    end
  end
end
