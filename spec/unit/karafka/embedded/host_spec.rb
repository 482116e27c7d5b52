# frozen_string_literal: true

RSpec.describe Karafka::Embedded::Host do
  it "is any program, of which nobody says when it is killed" do
    host = Karafka::Embedded.host

    expect(host.name).to eq(:process)
    expect(host.threads).to be_nil
    expect(host.shutdown_timeout).to be_nil
    expect(host.patience).to be_nil
  end

  it "knows the threads that run the application's code" do
    older = Class.new { def options = { concurrency: 10 } }.new
    capsules = Struct.new(:total_concurrency).new(12)
    hosts = [Karafka::Embedded::Hosts::Puma.host({ max_threads: 3 }),
             Karafka::Embedded::Hosts::Sidekiq.host({ concurrency: 10 }),
             Karafka::Embedded::Hosts::Sidekiq.host(older),
             Karafka::Embedded::Hosts::Sidekiq.host(capsules)]

    expect(hosts.map(&:threads)).to eq([3, 10, 10, 12])
  end

  it "ends the process like a signal from outside does" do
    received = Queue.new
    before = trap(:TERM) { received << :term }
    described_class.new.stop

    expect(received.pop).to eq(:term)
  ensure
    trap(:TERM, before)
  end

  it "ends Unicorn by QUIT: TERM is its quick end, without at_exit" do
    stub_const("Unicorn::HttpServer", Class.new)
    received = Queue.new
    before = trap(:QUIT) { received << :quit }
    Karafka::Embedded.host.stop

    expect(received.pop).to eq(:quit)
    expect(Karafka::Embedded.host.name).to eq(:unicorn)
  ensure
    trap(:QUIT, before)
  end

  it "has less patience the longer it ends" do
    host = described_class.new(:puma) { 30_000 }
    allow(Karafka::Embedded::Wait).to receive(:now).and_return(1_000, 5_000, 50_000)

    expect(host.patience).to eq(30_000)
    host.ending
    expect([host.patience, host.patience]).to eq([26_000, 0])
    host.serving
    expect(host.patience).to eq(30_000)
  end

  it "counts from the first word of the end" do
    host = described_class.new(:puma) { 30_000 }
    allow(Karafka::Embedded::Wait).to receive(:now).and_return(1_000, 5_000)
    2.times { host.ending }

    expect(host.patience).to eq(26_000)
  end

  {
    "a worker is killed by its master" => [{ workers: 2, worker_shutdown_timeout: 30, force_shutdown_after: 5 },
                                           30_000],
    "single mode has the limit of requests" => [{ workers: 0, worker_shutdown_timeout: 30, force_shutdown_after: 5 },
                                                5_000],
    "single mode has no limit otherwise" => [{ workers: 0, worker_shutdown_timeout: 30 }, nil],
    "an immediate end of requests is no limit of ours" => [{ workers: 0, force_shutdown_after: 0 }, nil],
    "requests may take for ever" => [{ workers: 0, force_shutdown_after: -1.0 }, nil]
  }.each do |fact, (options, timeout)|
    it "knows of Puma: #{fact}" do
      expect(Karafka::Embedded::Hosts::Puma.host(options)).to have_attributes(name: :puma, shutdown_timeout: timeout)
    end
  end

  {
    "since 6.5" => { timeout: 8 }, "before" => Class.new { def options = { timeout: 8 } }.new
  }.each do |version, config|
    it "knows Sidekiq's timeout #{version}" do
      expect(Karafka::Embedded::Hosts::Sidekiq.host(config)).to have_attributes(name: :sidekiq, shutdown_timeout: 8_000)
    end
  end
end
