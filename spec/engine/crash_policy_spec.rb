# frozen_string_literal: true

RSpec.describe Karafka::Embedded::CrashPolicy do
  let(:embedded) { Karafka::Embedded }
  let(:topic) { create_topic("orders") }
  let(:consumed) { Queue.new }

  # A host that is asked to stop, and does not
  let(:host) { Karafka::Embedded::Host.new(:double) }

  def set_up(policy, consumer = nil, &block)
    setup_embedded(bootstrap) do |config|
      config.embedded.crash_backoff = 20
      config.embedded.crash_policy = policy
      block&.call(config)
    end
    seen = consumed
    route(topic, consumer || consumer_class { messages.each { |message| seen << message.raw_payload } })
  end

  def crash(fault = :crash)
    embedded.runtime.engine.provoke(fault)
  end

  # @param decision [Queue] whose next entry the policy returns
  # @return [Thread] a start that waits for it
  def start_while_undecided(decision)
    set_up(->(_) { decision.pop })
    start_with({ topic => 1 })
    crash
    eventually("crash") { embedded.state == :crashed }
    Thread.new { embedded.start }.tap do |started|
      eventually("wait") { decision.num_waiting == 1 && started.stop? }
    end
  end

  def received(payload)
    eventually("message #{payload}") { consumed.pop == payload unless consumed.empty? }
  end

  before do
    allow(host).to receive(:stop)
    embedded.host = host
  end

  after { embedded.host = nil }

  describe ":restart" do
    it "starts the engine again, which goes on where it was" do
      set_up(:restart)
      start_with({ topic => 1 })
      feed(topic, %w[1])
      received("1")
      crash
      eventually("restart") { embedded.health[:restarts] == 1 }
      feed(topic, %w[2])
      received("2")
      eventually("health") { embedded.healthy? }
      expect(consumed).to be_empty
      expect(log.string).to include("to be started again in 20 ms (1 of 10)", "was started again")
    end

    it "stays quiet where the host was told to be" do
      set_up(:restart) { |config| config.embedded.crash_backoff = 200 }
      start_with({ topic => 1 })
      crash
      eventually("wait") { embedded.health[:next_restart_in_ms] }
      embedded.quiet
      eventually("restart") { embedded.health[:restarts] == 1 }
      eventually("quiet") { embedded.state == :quiet }
    end

    it "has as many workers as there were" do
      set_up(:restart)
      start_with({ topic => 1 })
      Karafka::Server.workers.scale(3)
      crash
      eventually("restart") { embedded.health[:restarts] == 1 && embedded.running? }
      expect(embedded.health[:workers][:size]).to eq(3)
      expect(Karafka::App.config.concurrency).to eq(5)
    end

    it "waits twice as long each time, and says when it comes" do
      set_up(:restart) { |config| config.embedded.crash_backoff = 30_000 }
      start_with({ topic => 1 })
      crash
      eventually("wait") { embedded.health[:next_restart_in_ms] }
      expect(embedded.health).to include(
        state: :crashed, healthy: false, next_restart_in_ms: be_between(1, 30_000),
        crashes: [include(cause: :engine, message: /asked to crash/)]
      )
      expect(embedded.start).to be_nil
      report = embedded.stop
      expect(report).to be_clean
      expect(embedded.state).to eq(:stopped)
      expect(embedded.health[:next_restart_in_ms]).to be_nil.or(be_positive)
    end

    it "only reports when the budget is used up, and a start by hand begins anew" do
      set_up(:restart) { |config| config.embedded.crash_restarts = 2 }
      start_with({ topic => 1 })
      2.times do |n|
        crash
        eventually("restart") { embedded.health[:restarts] == n + 1 && embedded.running? }
      end
      crash
      eventually("giving up") { log.string.include?("it stays down: 2 restarts within 10 minutes were made") }
      eventually("report") { errors.any? { |reported| reported.error.message.include?("2 restarts were in vain") } }
      eventually("the end of the crashed engine") { embedded.runtime.engine.state == :stopped }
      expect(embedded.state).to eq(:crashed)
      expect(embedded).not_to be_healthy

      expect(embedded.start).to be_a(Thread)
      feed(topic, %w[1])
      received("1")
      crash
      eventually("restart") { embedded.health[:restarts] == 3 }
    end

    it "counts a start that fails as another crash" do
      set_up(:restart) { |config| config.embedded.crash_restarts = 3 }
      start_with({ topic => 1 })
      group = Karafka::App.consumer_groups.first
      consumer = group.topics.first.consumer
      group.topics.first.consumer = "Missing"
      crash
      eventually("failed restart") { embedded.health[:crashes].any? { |one| one[:cause] == :start } }
      group.topics.first.consumer = consumer
      eventually("restart") { embedded.running? }
      feed(topic, %w[1])
      received("1")
    end

    it "does not start what somebody stops meanwhile" do
      set_up(:restart)
      5.times do
        start_with({ topic => 1 })
        crash
        eventually("crash") { embedded.state == :crashed }
        sleep(rand * 0.05)
        expect(embedded.stop.abandoned).to be_empty
        expect(embedded.state).to eq(:stopped)
      end
      expect(Thread.list.map(&:name).grep(/karafka\.(worker|embedded)/)).to be_empty
    end
  end

  describe ":stop_host" do
    it "asks the host to stop, once, and leaves the group" do
      set_up(:stop_host)
      start_with({ topic => 1 })
      crash
      eventually("the end of the crashed engine") { embedded.runtime.engine.state == :stopped }
      expect(host).to have_received(:stop).once
      expect(embedded.health).to include(state: :crashed, healthy: false)
      expect(embedded.stop).to be_clean
      expect(embedded.state).to eq(:stopped)
    end
  end

  describe ":report" do
    it "leaves the group, and stays down" do
      set_up(:report)
      start_with({ topic => 1 })
      crash
      eventually("the end of the crashed engine") { embedded.runtime.engine.state == :stopped }
      expect(embedded.health).to include(state: :crashed, healthy: false, restarts: 0)
      expect(host).not_to have_received(:stop)
      expect(log.string).to match(/FATAL.*engine: asked to crash; it stays down/)
    end
  end

  describe "a callable" do
    it "gets what failed" do
      crashes = Queue.new
      set_up(->(crash) { crashes << crash })
      start_with({ topic => 1 })
      crash
      told = eventually("call") { crashes.pop unless crashes.empty? }
      expect(told).to have_attributes(
        cause: :engine, error: an_instance_of(Karafka::Embedded::EngineError), group: nil,
        message: "asked to crash", at: an_instance_of(Time)
      )
    end

    it "may say what is to follow" do
      set_up(->(_) { :restart })
      start_with({ topic => 1 })
      crash
      eventually("restart") { embedded.health[:restarts] == 1 && embedded.running? }
    end

    it "is waited for by a start: what it leaves down is started" do
      decision = Queue.new
      started = start_while_undecided(decision)
      decision << :report
      expect(started.value).to be_a(Thread)
      eventually("health") { embedded.healthy? }
    end

    it "is waited for by a start, unless it is stopped meanwhile" do
      decision = Queue.new
      started = start_while_undecided(decision)
      stopped = Thread.new { embedded.stop }
      expect(started.value).to be_nil
      decision << :report
      expect(stopped.value).to be_a(Karafka::Embedded::StopReport)
      expect(embedded.state).to eq(:stopped)
    end

    it "that raises is reported, and the crash is, too" do
      set_up(->(_) { raise "broken policy" })
      start_with({ topic => 1 })
      crash
      eventually("report") { errors.any? { |reported| reported.error.message == "broken policy" } }
      eventually("the end of the crashed engine") { embedded.runtime.engine.state == :stopped }
      expect(embedded).not_to be_healthy
    end
  end

  describe ".on_crash" do
    it "sets the policy" do
      set_up(:report)
      embedded.on_crash(:stop_host)
      expect(Karafka::App.config.embedded.crash_policy).to eq(:stop_host)
      embedded.on_crash { :report }
      expect(Karafka::App.config.embedded.crash_policy).to respond_to(:call)
      expect { embedded.on_crash(:shrug) }.to raise_error(Karafka::Errors::InvalidConfigurationError, /:shrug/)
    end
  end

  describe "a thread that dies" do
    it "is replaced, the one that hands out events too" do
      set_up(:restart)
      started = Karafka::Embedded.start
      started.kill.join
      eventually("another thread") { embedded.runtime.thread.alive? }
      feed(topic, %w[1])
      received("1")
      eventually("report") { errors.any? { |reported| reported.error.message.include?("karafka.embedded ended") } }
      crash
      eventually("restart") { embedded.health[:restarts] == 1 && embedded.running? }
    end

    it "is a crash when it dies again and again" do
      set_up(:report)
      Karafka.monitor.subscribe("statistics.emitted") { Thread.current.kill }
      Karafka::App.config.kafka[:"statistics.interval.ms"] = 10
      Karafka::App.routes.clear
      route(topic, consumer_class { nil })
      Karafka::Embedded.start
      eventually("crash") { embedded.health[:crashes].any? { |one| one[:cause] == :thread } }
      expect(embedded).not_to be_healthy
      expect(embedded.state).to eq(:crashed)
      probe = { "REQUEST_METHOD" => "GET", "PATH_INFO" => "/status/live" }
      expect(Karafka::Embedded::Health.call(probe).first).to eq(503)
      eventually("report") { errors.any? { |one| one.error.message.include?("10 times in a minute") } }
    end

    it "is one that the policy answers" do
      set_up(:restart)
      deaths = 0
      Karafka.monitor.subscribe("statistics.emitted") { Thread.current.kill if (deaths += 1) <= 10 }
      Karafka::App.config.kafka[:"statistics.interval.ms"] = 10
      Karafka::App.routes.clear
      seen = consumed
      route(topic, consumer_class { messages.each { |message| seen << message.raw_payload } })
      Karafka::Embedded.start
      eventually("restart") { embedded.health[:restarts] == 1 && embedded.running? }
      feed(topic, %w[1])
      received("1")
    end
  end
end
