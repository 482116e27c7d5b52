# frozen_string_literal: true

require "karafka/embedded/rails_listener"

# The rows of docs/errors.md that the mock cluster can provoke, each under each policy
RSpec.describe "An error that does not pass by itself" do
  let(:embedded) { Karafka::Embedded }
  let(:broker) { Karafka::Embedded::Broker.start(topics: { topic => 1 }) }
  let(:topic) { "orders" }
  let(:host) { Karafka::Embedded::Host.new(:double) }
  let(:rails_errors) { [] }
  let(:crashes) { Queue.new }

  before do
    list = rails_errors
    reporter = Object.new
    reporter.define_singleton_method(:report) { |error, **| list << error }
    stub_const("Rails", Struct.new(:error).new(reporter))
    allow(host).to receive(:stop)
    embedded.host = host
  end

  after do
    embedded.host = nil
    embedded.stop(timeout: 3_000)
    broker.stop
  end

  def set_up(policy, kafka: {})
    setup_embedded(broker.bootstrap_servers, kafka: { "reconnect.backoff.max.ms": 200, **kafka }) do |config|
      config.embedded.crash_policy = policy
      config.embedded.crash_backoff = 20
      config.embedded.crash_patience = 300
      config.embedded.stall_timeout = 2_000
    end
    Karafka::Embedded::RailsListener.instance.watch(Karafka.monitor)
    route(topic, consumer_class { nil })
  end

  def status(path = "/status")
    Karafka::Embedded::Health.call({ "REQUEST_METHOD" => "GET", "PATH_INFO" => path }).first
  end

  def policies
    list = crashes
    { restart: :restart, stop_host: :stop_host, report: :report, callable: ->(crash) { list << crash } }
  end

  # The log, error.occurred, Rails.error and health
  def expect_told(cause, type, message)
    eventually("report as #{type}") { errors.any? { |one| one.type == type && one.error.message.match?(message) } }
    eventually("incident") { embedded.health[:crashes].any? { |crash| crash[:cause] == cause } }
    expect(status).to eq(503)
    expect(embedded.health[:reasons].join).to match(message)
    expect(rails_errors.map(&:message)).to include(match(message))
    eventually("line") { log.string.match?(/(ERROR|FATAL).*Karafka::Embedded #{cause}: /) || !crashes.empty? }
  end

  # ---- crashes: the engine can't go on -----------------------------------------------------------------------------

  engine_crashes = {
    "a crash of the engine" => [:crash, :engine, "runner.call.error", /asked to crash/],
    "a stuck control thread" => [:control_stall, :thread, "watchdog.stall.error", /karafka.control .*stuck/],
    "a stuck poll thread" => [:poll_stall, :thread, "watchdog.stall.error", /karafka.poll#0 .*stuck/]
  }

  engine_crashes.each do |what, (fault, cause, type, message)|
    describe what do
      def provoke(policy, fault)
        set_up(policies.fetch(policy), kafka: Karafka::Embedded::Broker::CLIENT_SETTINGS)
        start_with({ topic => 1 })
        expect(status).to eq(200)
        @former = embedded.runtime
        @former.engine.provoke(fault)
      end

      it "is told, and the engine is started again under :restart" do
        provoke(:restart, fault)
        eventually("restart") { embedded.health[:restarts] == 1 }
        expect(errors.map(&:type)).to include(type)
        expect(rails_errors.map(&:message)).to include(match(message))
        eventually("health") { status == 200 }
        expect(embedded.runtime).not_to equal(@former)
        expect(host).not_to have_received(:stop)
      end

      it "is told, and the host is asked to stop under :stop_host" do
        provoke(:stop_host, fault)
        expect_told(cause, type, message)
        eventually("line") { log.string.include?("the host (double) is asked to stop") }
        expect(host).to have_received(:stop).once
        expect([status, status("/status/live")]).to eq([503, 503])
      end

      it "is told, and the engine stays down under :report" do
        provoke(:report, fault)
        expect_told(cause, type, message)
        eventually("line") { log.string.include?("it stays down: the policy is to report") }
        expect(embedded.state).to eq(:crashed)
        expect([status, status("/status/live")]).to eq([503, 503])
        expect(host).not_to have_received(:stop)
      end

      it "is told, and a callable gets it" do
        provoke(:callable, fault)
        expect_told(cause, type, message)
        expect(eventually("call") { crashes.pop unless crashes.empty? }).to have_attributes(cause: cause)
        expect(embedded.state).to eq(:crashed)
      end
    end
  end

  # ---- what heals: the engine goes on, and tries again --------------------------------------------------------------

  # What a broker answers to a request, until it is told to answer well again
  def refuse(api, code)
    broker.native.request_errors(api, [code] * 1_000)
  end

  def mend(api)
    broker.native.request_errors(api, [])
  end

  healing = {
    "a strategy that the group does not have" => [:join_group, 23, :incompatible_strategy, /inconsistent/i],
    "a group that it may not join" => [:find_coordinator, 30, :authorization, /group.*authorization|authorization/i],
    "a topic that it may not read" => [:fetch, 29, :authorization, /authorization/i]
  }

  healing.each do |what, (api, code, cause, message)|
    describe what do
      def provoke(policy, api, code)
        set_up(policies.fetch(policy), kafka: Karafka::Embedded::Broker::CLIENT_SETTINGS)
        refuse(api, code)
        embedded.start
      end

      it "is told, and left to heal under :restart" do
        provoke(:restart, api, code)
        expect_told(cause, "connection.client.poll.error", message)
        mend(api)
        feed(topic, %w[1])
        eventually("health", within: 40) { status == 200 }
        expect(embedded.health).to include(restarts: 0, crashes: [])
        expect(log.string).to match(/healed: #{cause}/)
      end

      it "is told, and the host is asked to stop when it doesn't heal under :stop_host" do
        provoke(:stop_host, api, code)
        expect_told(cause, "connection.client.poll.error", message)
        eventually("line") { log.string.include?("the host (double) is asked to stop") }
        expect(host).to have_received(:stop).once
        expect([status, status("/status/live")]).to eq([503, 200])
      end

      it "is told, and nothing more is done under :report" do
        provoke(:report, api, code)
        expect_told(cause, "connection.client.poll.error", message)
        eventually("line") { log.string.include?("nothing is done: the policy is to report") }
        expect(host).not_to have_received(:stop)
        expect(embedded.state).to eq(:running)
      end

      it "is told, and a callable gets it" do
        provoke(:callable, api, code)
        expect_told(cause, "connection.client.poll.error", message)
        expect(eventually("call") { crashes.pop unless crashes.empty? }).to have_attributes(cause: cause)
        expect(embedded.state).to eq(:running)
      end
    end
  end

  # ---- a client that is lost ---------------------------------------------------------------------------------------

  { fatal_error: :client, poll_panic: :engine }.each do |fault, cause|
    { restart: 0, stop_host: 1, report: 0, callable: 0 }.each do |policy, stops|
      it "is told when a group loses its client (#{fault}), and heals with a new one, under #{policy}" do
        set_up(policies.fetch(policy), kafka: Karafka::Embedded::Broker::CLIENT_SETTINGS)
        Karafka::App.config.embedded.crash_patience = 100
        start_with({ topic => 1 })
        embedded.runtime.engine.provoke(fault)
        expect_told(cause, "connection.listener.fetch_loop.error", /asked to/)
        eventually("stop of the host") { log.string.include?("is asked to stop") } if stops.positive?
        eventually("health", within: 40) { status == 200 }
        expect(embedded.health).to include(restarts: 0, state: :running, groups: [include(restarts: 1)])
        expect(host).to have_received(:stop).exactly(stops).times
      end
    end
  end

  # What a broker says of wrong credentials; spec/kafka/security_spec.rb has a broker that does
  { restart: 0, stop_host: 1, report: 0, callable: 0 }.each do |policy, stops|
    it "is told when a broker refuses the credentials, and heals when one doesn't, under #{policy}" do
      set_up(policies.fetch(policy), kafka: Karafka::Embedded::Broker::CLIENT_SETTINGS)
      Karafka::App.config.embedded.crash_patience = 100
      start_with({ topic => 1 })
      embedded.runtime.engine.provoke(:refusal)
      expect_told(:authentication, "librdkafka.error", /asked to/)
      expect(status("/status/live")).to eq(200)
      eventually("stop of the host") { log.string.include?("is asked to stop") } if stops.positive?
      feed(topic, %w[1])
      eventually("health", within: 40) { status == 200 }
      expect(host).to have_received(:stop).exactly(stops).times
    end
  end

  it "leaves nothing critical at 200" do
    critical = File.read(File.expand_path("../../docs/errors.md", __dir__)).lines.grep(/\| (heals|crash) \| `/)
    expect(critical.size).to be >= 10
    expect(critical.map { |row| row.split("|")[5].strip }).to all(eq("503"))
  end
end
