# frozen_string_literal: true

require "karafka/embedded/rails_listener"

# Every row of docs/errors.md is provoked, under each policy, and has to look as the row says.
RSpec.describe "docs/errors.md" do
  after { broker.stop }

  include ErrorRows

  let(:broker) { Karafka::Embedded::Broker.start(topics: { topic => partitions }) }
  let(:servers) { broker.bootstrap_servers }

  # ---- what passes -------------------------------------------------------------------------------------------------

  row "no broker can be reached", "librdkafka.error", /broker|connect/ do
    def provoke = broker.native.broker_down(nil)
    def mend = broker.native.broker_up(nil)
  end

  row "a consumer raises", "consumer.consume.error", /asked to fail/ do
    let(:consumer) do
      released = release
      consumer_class { raise "asked to fail" if released.empty? }
    end

    def provoke = feed(topic, %w[1])
    def mend = release << :go
  end

  row "a topic that does not exist", "connection.client.poll.error", /missing/ do
    let(:kafka_settings) { { "allow.auto.create.topics": false, "topic.metadata.refresh.interval.ms": 200 } }
    let(:further_topics) { %w[missing] }

    def provoke; end
    def mend = broker.create_topic("missing")
  end

  row "a job outlives `max.poll.interval.ms`", %w[watchdog.stall.error connection.client.poll.error],
      /max\.poll\.interval\.ms/ do
    let(:kafka_settings) { { "max.poll.interval.ms": 3_000, "session.timeout.ms": 1_500 } }
    let(:consumer) do
      released = release
      consumer_class { released.pop }
    end

    def provoke = feed(topic, %w[1])
    def mend = release.close
  end

  row "all workers are busy", "watchdog.stall.error", /no worker has ended its job/, way: "workers" do
    let(:settings) { { concurrency: 1 } }
    let(:partitions) { 2 }
    let(:consumer) do
      released = release
      consumer_class { released.pop }
    end

    def provoke = [0, 1].each { |partition| feed(topic, %w[1], partition: partition) }
    def mend = release.close
  end

  row "all workers are busy", "watchdog.stall.error", /a subscriber of Karafka.monitor keeps/, way: "subscribers" do
    let(:kafka_settings) { { "statistics.interval.ms": 100 } }

    def provoke
      released = release
      Karafka.monitor.subscribe("statistics.emitted") { released.pop }
    end

    def mend = release.close
  end

  row "no worker is alive", "watchdog.stall.error", /workers are dead/ do
    # No thread can be made for a while
    def provoke
      allow(Karafka::Embedded::Worker).to receive(:new).and_raise(ThreadError, "can't create Thread")
      embedded.runtime.pool.alive.each { |worker| worker.thread.kill }
    end

    def mend = allow(Karafka::Embedded::Worker).to(receive(:new).and_call_original)
  end

  # ---- what heals --------------------------------------------------------------------------------------------------

  # What the broker answers to requests, from the start until it is told to answer well again
  refused = Module.new do
    def bring_trouble
      broker.native.request_errors(api, [code] * 1_000)
      embedded.start
    end

    def mend
      broker.native.request_errors(api, [])
      feed(topic, %w[1])
    end
  end

  # What the engine itself recovers from
  injected = Module.new do
    def provoke = embedded.runtime.engine.provoke(fault)
    def mend; end
  end

  # What a client makes of a broker's refusal; spec/kafka/security/listeners_spec.rb has brokers that refuse
  row "authentication", "librdkafka.error", /asked to/ do
    include injected
    let(:fault) { :refusal }
    # A broker lets the client in all the while. Statistics would say so before anybody has looked; a commit does then.
    let(:kafka_settings) { { "statistics.interval.ms": 60_000 } }

    def mend = feed(topic, %w[1])
  end

  {
    "topic" => [:fetch, 29, /authorization/],
    "group" => [:find_coordinator, 30, /authorization/],
    "cluster" => [:join_group, 31, /authorization/]
  }.each do |way, (api, code, message)|
    row "authorization", "connection.client.poll.error", message, way: way do
      include refused
      let(:api) { api }
      let(:code) { code }
    end
  end

  row "another fatal error", "connection.listener.fetch_loop.error", /Failed to fetch committed offset/,
      way: "committed offsets" do
    include refused
    let(:api) { :offset_fetch }
    let(:code) { 16 } # The coordinator moved
  end

  row "an assignment strategy", "connection.client.poll.error", /inconsistent/i do
    include refused
    let(:api) { :join_group }
    let(:code) { 23 }
  end

  row "another process has the `group.instance.id`", "connection.listener.fetch_loop.error", /fenced/i do
    include refused
    let(:kafka_settings) { { "group.instance.id": "one" } }
    let(:api) { :join_group }
    let(:code) { 82 }
  end

  row "another fatal error", "connection.listener.fetch_loop.error", /asked to/, way: "fatal" do
    include injected
    let(:fault) { :fatal_error }
  end

  row "another fatal error", "librdkafka.error", /session timeout/i, way: "a setting" do
    include refused
    let(:api) { :join_group }
    let(:code) { 26 }
  end

  row "another fatal error", "connection.client.poll.error", /offset/i, way: "no offset" do
    let(:kafka_settings) { { "auto.offset.reset": "error" } }

    # The group is to go on behind the end of the topic
    def bring_trouble
      KafkaServer.wire(servers) { |wire| wire.commit(Karafka::App.config.group_id, topic, 0, 5) }
      embedded.start
    end

    def mend = feed(topic, %w[1 2 3 4 5 6])
  end

  row "a poll thread panics", "connection.listener.fetch_loop.error", /asked to/ do
    include injected
    let(:fault) { :poll_panic }
  end

  # ---- what is a crash ---------------------------------------------------------------------------------------------

  row "a poll thread panics five times", "connection.listener.fetch_loop.error", /asked to/, way: "poll" do
    include injected
    let(:fault) { :poll_panic }

    def provoke
      5.times do |n|
        eventually("client #{n}", within: 30) do
          embedded.health[:groups].dig(0, :restarts) == n && assigned == { topic => partitions }
        end
        super
      end
    end
  end

  row "a poll thread panics five times", "runner.call.error", /asked to/, way: "control" do
    include injected
    let(:fault) { :control_panic }
  end

  %w[control poll].each do |thread|
    row "a thread of the engine is stuck", "watchdog.stall.error", /karafka\.#{thread}\S* .*stuck/, way: thread do
      include injected
      let(:fault) { :"#{thread}_stall" }
    end
  end

  %w[karafka.embedded karafka.watchdog].each do |name|
    row "`karafka.embedded` or", "runner.call.error", /10 times in a minute/, way: name do
      # One that ends may still tell of it when the next is there
      define_method(:provoke) do
        killed = []
        10.times do
          thread = eventually(name) { (Thread.list - killed).find { |one| one.name == name } }
          killed << thread.kill
        end
      end

      def mend; end
    end
  end

  row "a restart by policy fails", "runner.call.error", /Missing/, under: %i[restart] do
    def provoke
      @entry = Karafka::App.consumer_groups.first.topics.first
      @entry.consumer = "Missing"
      embedded.runtime.engine.provoke(:crash)
    end

    def mend = @entry.consumer = consumer
  end

  # Each was told by an example above, in every type that its row names
  ErrorTable.rows.each do |row|
    types = provoked[row].uniq
    it "has a spec of the row '#{row.error}'" do
      expect(types).to match_array(row.types)
    end
  end

  it "leaves nothing critical at 200" do
    critical = ErrorTable.rows.reject { |row| row.severity == :passing }
    expect(critical.size).to be >= 10
    expect(critical.map(&:status)).to all(eq(503))
  end
end
