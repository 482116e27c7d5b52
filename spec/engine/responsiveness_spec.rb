# frozen_string_literal: true

require "socket"

# Calls that take long take long without the GVL. Each is made to last, so that one that kept the GVL could not be taken
# for the noise of a busy machine: another Ruby thread would have seen nothing for as long as the call took.
RSpec.describe "Ruby threads beside the engine", :timing do
  let(:topic) { create_topic("orders") }
  let(:consumed) { Queue.new }
  # Others of the process's Ruby threads may run for one or two quanta
  let(:tolerance_ms) { 250 }

  def set_up_on(servers, consumer = nil, **kafka)
    setup_embedded(servers, kafka: kafka)
    seen = consumed
    route(topic, consumer || consumer_class { seen << messages.size })
  end

  def expect_looks_on(what, at_least:, &block)
    reading = StopwatchThread.during(&block)
    Acceptance.note("#{what}: #{reading.took} ms, longest gap #{reading.longest_gap} ms")
    expect(reading.took).to be >= at_least
    expect(reading.looks).to be > 100
    expect(reading.longest_gap).to be < tolerance_ms
    reading.result
  end

  def silent_server
    server = TCPServer.new("127.0.0.1", 0)
    yield "127.0.0.1:#{server.addr[1]}"
  ensure
    server&.close
  end

  # A cluster whose answers can be delayed
  def own_broker
    broker = Karafka::Embedded::Broker.start(topics: { topic => 1 })
    yield broker
  ensure
    EmbeddedApp.clean_up
    broker&.stop
  end

  it "run while the engine starts, waits for messages and polls" do
    set_up_on(bootstrap)
    expect_looks_on("start and 1 s of waiting", at_least: 1_000) do
      Karafka::Embedded.start
      Karafka::Embedded.wait_until(:crashed, timeout: 1_000)
    end
    expect(Karafka::Embedded).to be_running
  end

  it "run while no broker can be reached" do
    silent_server do |servers|
      set_up_on(servers)
      expect_looks_on("start, health and 1 s without a broker", at_least: 1_000) do
        Karafka::Embedded.start
        eventually("a while", within: 5) { Karafka::Embedded.health[:groups].first[:last_poll_ms_ago].to_i > 500 }
        Karafka::Embedded.wait_until(:crashed, timeout: 1_000)
      end
      expect_looks_on("stop without a broker", at_least: 0) { Karafka::Embedded.stop(timeout: 2_000) }
    end
  end

  it "run while mark_as_consumed! waits for the broker" do
    own_broker do |broker|
      answers = Queue.new
      go = Queue.new
      set_up_on(broker.bootstrap_servers, consumer_class do
        go.pop
        answers << mark_as_consumed!(messages.last)
      end)
      start_with({ topic => 1 })
      feed(topic, %w[1])
      broker.native.round_trip_time(800)
      marked = expect_looks_on("mark_as_consumed! with 800 ms to the broker", at_least: 700) do
        go << :now
        answers.pop
      end
      expect(marked).to be(true)
      broker.native.round_trip_time(0)
    end
  end

  it "run while a stop waits for the broker" do
    own_broker do |broker|
      set_up_on(broker.bootstrap_servers)
      start_with({ topic => 1 })
      feed(topic, %w[1])
      eventually("message") { !consumed.empty? }
      broker.native.round_trip_time(800)
      expect_looks_on("stop with 800 ms to the broker", at_least: 700) { Karafka::Embedded.stop(timeout: 10_000) }
      broker.native.round_trip_time(0)
    end
  end

  it "run while a stop waits for a batch" do
    set_up_on(bootstrap, consumer_class { sleep(1.5) })
    start_with({ topic => 1 })
    feed(topic, %w[1])
    eventually("batch") { Karafka::Embedded.health[:groups].first[:running].any? }
    expect_looks_on("stop that waits for a batch of 1.5 s", at_least: 500) { Karafka::Embedded.stop }
  end
end
