# frozen_string_literal: true

require "fileutils"
require "tmpdir"
require_relative "../../../bench/support/broker"

RSpec.describe Bench::Broker do
  it "stops the brokers of benches that were killed, and no other" do
    gone = Process.spawn(RbConfig.ruby, "-e", "")
    Process.wait(gone)
    Dir.mktmpdir do |directory|
      stub_const("Bench::Broker::DIRECTORY", File.join(directory, "kafka"))
      stopped = []
      allow(described_class).to receive(:stop) { |name| stopped << name }
      described_class.sweep
      ["bench-#{gone}", "bench-#{Process.pid}", "test-#{gone}", "default"].each do |name|
        FileUtils.mkdir_p(File.join(directory, "kafka", name))
      end
      described_class.sweep
      expect(stopped).to eq(["bench-#{gone}"])
    end
  end
end
