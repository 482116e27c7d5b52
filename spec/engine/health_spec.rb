# frozen_string_literal: true

require "json"
require "net/http"
require "tmpdir"

RSpec.describe "Health of a running engine" do
  let(:embedded) { Karafka::Embedded }
  let(:topic) { create_topic("orders") }
  let(:release) { Queue.new }

  def set_up(&block)
    setup_embedded(bootstrap, &block)
    entered = @entered = Queue.new
    released = release
    route(topic, consumer_class do
      entered << :batch
      released.pop
    end)
  end

  it "tells of groups, partitions, lag and jobs" do
    set_up
    start_with({ topic => 1 })
    feed(topic, %w[1 2])
    eventually("job") { !@entered.empty? }
    health = embedded.health
    expect(health).to include(state: :running, healthy: true, restarts: 0, crashes: [], stalls: [], reasons: [])
    group = health[:groups].first
    expect(group).to include(connected: true, last_error: nil, last_poll_ms_ago: Integer, last_message_ms_ago: Integer)
    expect(group[:assigned]).to match([include(topic: topic, partition: 0, lag: Integer)])
    expect(group[:running]).to match([include(topic: topic, partition: 0, job: "consume", age_ms: Integer)])
    3.times { release << :go }
  end

  it "is told on a port of its own from start to stop, and through a crash" do
    port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    get = ->(path) { Net::HTTP.get_response("127.0.0.1", path, port).code }
    set_up do |config|
      config.embedded.health_address = "127.0.0.1:#{port}"
      config.embedded.crash_policy = :report
    end
    2.times do
      start_with({ topic => 1 })
      expect(%w[/status /status/started /status/connected /status/live].map(&get)).to eq(%w[200] * 4)
      embedded.runtime.engine.provoke(:crash)
      eventually("crash") { get.call("/status") == "503" }
      expect(get.call("/status/live")).to eq("503")
      embedded.stop
      eventually("silence") do
        get.call("/status") && false
      rescue Errno::ECONNREFUSED
        true
      rescue SystemCallError, EOFError
        false # It was closed while it was asked
      end
    end
  end

  it "is told on its port after a restart, too" do
    port = TCPServer.open("127.0.0.1", 0) { |server| server.addr[1] }
    set_up { |config| config.embedded.health_address = "127.0.0.1:#{port}" }
    start_with({ topic => 1 })
    3.times do
      embedded.restart
      expect(Net::HTTP.get_response("127.0.0.1", "/status/live", port).code).to eq("200")
    end
  end

  it "is kept in a file" do
    Dir.mktmpdir("state") do |directory|
      path = File.join(directory, "karafka.json")
      state = -> { JSON.parse(File.read(path))["state"] }
      set_up { |config| config.embedded.state_path = path }
      start_with({ topic => 1 })
      eventually("running") { state.call == "running" }
      embedded.quiet
      eventually("quiet") { state.call == "quiet" }
      embedded.stop
      expect(JSON.parse(File.read(path))).to include(
        "state" => "stopped", "stop_ended_at" => String, "report" => include("clean" => true)
      )
    end
  end

  it "leaves nothing behind when a start fails half way" do
    set_up
    allow(Karafka::Embedded::Worker).to receive(:new).and_raise(ThreadError, "can't create Thread")
    before = Thread.list.size
    expect { embedded.start }.to raise_error(ThreadError)
    expect(embedded.state).to eq(:stopped)
    eventually("end of its threads") { Thread.list.size <= before }
    allow(Karafka::Embedded::Worker).to receive(:new).and_call_original
    start_with({ topic => 1 })
  end
end
