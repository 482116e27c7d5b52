# frozen_string_literal: true

require "open3"
require_relative "support/shops"

RSpec.describe "bin/demo --check", timing: true do
  let(:program) { File.expand_path("../../bin/demo", __dir__) }

  { "single mode" => "0", "cluster mode" => "2" }.each do |mode, workers|
    it "finds every order filled once on a real broker, in #{mode}" do
      output, status = check("KAFKA_BOOTSTRAP_SERVERS" => bootstrap_servers, "WEB_CONCURRENCY" => workers)
      expect(status).to be_success, output
      expect(output).to include("1000 of 1000", "result   ok")
    end

    it "finds every order filled once on the embedded broker, in #{mode}" do
      output, status = check("KAFKA_BOOTSTRAP_SERVERS" => nil, "WEB_CONCURRENCY" => workers)
      expect(status).to be_success, output
      expect(output).to include("1000 of 1000", "result   ok")
    end
  end

  it "fails, and says why, when the shop does not boot" do
    output, status = check("KAFKA_BOOTSTRAP_SERVERS" => bootstrap_servers, "SHOP_TOPIC" => "no good name")
    expect(status.exitstatus).to eq(1)
    expect(output).to include("problem", "result   FAILED")
  end

  %w[INT TERM].each do |signal|
    it "takes the shop with it when it is ended by #{signal}" do
      reader, writer = IO.pipe
      pid = Process.spawn({ "WEB_CONCURRENCY" => "2" }, program, "--check", "--no-setup", out: writer, err: File::NULL)
      writer.close
      await_line(reader, /^booted/)
      shop = Demo::ProcessGroup.new(child_of(pid))
      expect(shop.members.size).to be >= 3

      Process.kill(signal, pid)
      Process.wait(pid)
      expect(shop.members).to be_empty
    end
  end

  def check(environment)
    Open3.capture2e(environment, program, "--check", "--no-setup")
  end

  def await_line(reader, pattern)
    eventually_within(pattern.inspect, 60) { reader.wait_readable(0.1) && reader.gets&.b&.match?(pattern) }
  end

  # Puma leads a group of its own
  def child_of(pid)
    Dir["/proc/[0-9]*/stat"].filter_map do |path|
      _state, parent, group = File.read(path).rpartition(")").last.split
      group.to_i if parent.to_i == pid
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end.first
  end
end
