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

  it "runs as soon as it was spawned, though its command line shows only later" do
    late = 3
    allow(DevKafka::Processes).to receive(:command).and_wrap_original do |original, pid|
      command = original.call(pid)
      command&.include?("karafka_embedded.broker") && (late -= 1) >= 0 ? "" : command
    end
    Dir.mktmpdir do |directory|
      broker = described_class.new(1, directory, { client: 1, controller: 2 })
      distribution = instance_double(DevKafka::Distribution)
      allow(distribution).to receive(:java) { |*, options:, **| [RbConfig.ruby, "-e", "sleep", "--", *options] }
      broker.spawn(distribution, heap: "1m")
      expect(broker).to be_alive
    ensure
      broker.signal("KILL")
      broker.await_end(Process.clock_gettime(Process::CLOCK_MONOTONIC) + 5)
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
