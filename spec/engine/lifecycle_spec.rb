# frozen_string_literal: true

RSpec.describe Karafka::Embedded do
  let(:topic) { create_topic("orders", partitions: 2) }
  let(:consumed) { Queue.new }

  def set_up(consumer = nil, **kafka, &block)
    setup_embedded(bootstrap, kafka: kafka, &block)
    seen = consumed
    route(topic, consumer || consumer_class { messages.each { |message| seen << message.raw_payload } })
  end

  # A consumer whose first batch lasts until the example says so
  def held_consumer
    entered = @entered = Queue.new
    release = @release = Queue.new
    consumer_class do
      entered << :batch
      release.pop
    end
  end

  def start_held
    set_up(held_consumer)
    start_with({ topic => 2 })
    feed(topic, ["1"], partition: 0)
    eventually("batch") { !@entered.empty? }
  end

  describe ".start" do
    it "returns the thread of its events and consumes" do
      set_up
      expect(described_class.start.name).to eq("karafka.embedded")
      expect(described_class).to be_running
      feed(topic, %w[1])
      expect(eventually("message") { consumed.pop unless consumed.empty? }).to eq("1")
      expect(described_class).to be_healthy
    end

    it "hears of a quiet and of a stop that come before there is anything" do
      set_up
      call = :quiet
      allow(Karafka::Embedded::StateRecord).to receive(:open).and_wrap_original do |original, path|
        described_class.public_send(call)
        original.call(path)
      end
      described_class.start
      eventually("quiet") { described_class.state == :quiet }
      described_class.stop
      call = :stop
      described_class.start
      expect(described_class.state).to eq(:stopped)
      expect(Thread.list.map(&:name)).not_to include("karafka.crash")
    end

    it "does nothing the second time" do
      set_up
      described_class.start
      runtime = described_class.runtime
      expect(described_class.start).to be_nil
      expect(described_class.runtime).to equal(runtime)
    end

    it "starts once for callers at the same time" do
      set_up
      threads = Array.new(8) { Thread.new { described_class.start } }.map(&:value)
      expect(threads.compact.size).to eq(1)
    end

    it "waits for one that is under way" do
      set_up
      starting = Queue.new
      release = Queue.new
      Karafka.monitor.subscribe("app.running") { [starting << :running, release.pop] }
      first = Thread.new { described_class.start }
      eventually("subscriber") { !starting.empty? }
      second = Thread.new { described_class.start }
      eventually("wait for the first") { second.status == "sleep" }
      release << :go
      expect([first.value, second.value]).to match([an_instance_of(Thread), nil])
    end

    it "waits for the end of a stop by another thread" do
      start_held
      stop = Thread.new { described_class.stop }
      eventually("stop") { described_class.state == :stopping }
      start = Thread.new { described_class.start }
      eventually("wait for the stop") { start.status == "sleep" }
      @release << :go
      expect(stop.value).to be_clean
      expect(start.value&.name).to eq("karafka.embedded")
      expect(described_class).to be_running
    end

    it "ends as it began where a subscriber of its own stops it" do
      set_up
      Karafka.monitor.subscribe("app.running") { described_class.stop }
      described_class.start
      expect(described_class.state).to eq(:stopped)
    end

    it "can be repeated after each stop" do
      set_up
      10.times do |n|
        described_class.start
        feed(topic, [n.to_s])
        expect(eventually("message #{n}") { consumed.pop unless consumed.empty? }).to eq(n.to_s)
        expect(described_class.stop).to be_clean
        expect(described_class.state).to eq(:stopped)
      end
      expect(consumed).to be_empty
      expect(errors).to be_empty
    end

    it "tells the states of the application in their order" do
      set_up
      states = Queue.new
      %w[running stopping stopped terminated].each do |state|
        Karafka.monitor.subscribe("app.#{state}") { states << state }
      end
      described_class.start
      described_class.stop
      expect(Array.new(states.size) { states.pop }).to eq(%w[running stopping stopped terminated])
      expect(Karafka::App).to be_terminated
    end
  end

  describe ".quiet" do
    it "takes no new work and keeps its partitions" do
      set_up
      start_with({ topic => 2 })
      described_class.quiet
      expect(described_class.wait_until(:quiet, timeout: 5_000)).to be(true)
      feed(topic, %w[1])
      described_class.quiet
      expect(assigned).to eq(topic => 2)
      expect(described_class.stop).to be_clean
      expect(consumed).to be_empty
    end

    it "lets a batch that runs end" do
      start_held
      described_class.quiet
      eventually("quieting") { described_class.state == :quieting }
      @release << :go
      expect(described_class.wait_until(:quiet, timeout: 5_000)).to be(true)
    end

    it "does nothing when nothing runs" do
      expect(described_class.quiet).to be_nil
      expect(described_class.state).to eq(:stopped)
    end
  end

  describe ".stop" do
    it "goes on without a subscriber that does not return, and says which" do
      set_up
      never = Queue.new
      Karafka.monitor.subscribe("app.stopping") { never.pop }
      start_with({ topic => 2 })
      expect(described_class.stop(timeout: 1_000)).to be_clean
      expect(described_class.state).to eq(:stopped)
      expect(errors.map { |one| one.error.message }).to include(/subscriber.* has not returned in time/)
    ensure
      never.close
      eventually("end of what it held") { Thread.list.none? { |thread| thread.name&.start_with?("karafka") } }
    end

    it "waits for a batch that runs and tells that it did" do
      start_held
      stopping = Thread.new { described_class.stop }
      eventually("stopping") { described_class.state == :stopping }
      @release << :go
      report = stopping.value
      expect(report).to be_clean
      expect(report.drained.map { |job| [job.topic, job.partition, job.first_offset] }).to eq([[topic, 0, 0]])
    end

    it "ends at its deadline and names what it had to leave", :timing do
      start_held
      began = Eventually.now
      report = described_class.stop(timeout: 500)
      expect(Eventually.now - began).to be < 1
      expect(report.abandoned.map { |job| [job.topic, job.partition, job.first_offset] }).to eq([[topic, 0, 0]])
      expect(report).not_to be_clean
      expect(errors.map(&:error)).to include(an_instance_of(Karafka::Errors::ForcefulShutdownError))
      expect(described_class.state).to eq(:stopped)
    end

    it "delivers what it had to leave again" do
      start_held
      described_class.stop(timeout: 300)
      described_class.start
      eventually("the same batch") { @entered.size == 2 }
      @release << :go
      expect(described_class.stop).to be_clean
    end

    it "gives all callers at the same time the same report" do
      start_held
      callers = Array.new(5) { Thread.new { described_class.stop } }
      eventually("stopping") { described_class.state == :stopping }
      @release << :go
      reports = callers.map(&:value)
      expect(reports.uniq(&:object_id).size).to eq(1)
      expect(reports.first).to be_clean
      expect(described_class.stop).to equal(reports.first)
    end

    it "begins when a consumer calls it, which would else wait for itself" do
      answers = Queue.new
      set_up(consumer_class { answers << [Karafka::Embedded.stop, messages.size] })
      start_with({ topic => 2 })
      feed(topic, %w[1], partition: 0)
      expect(eventually("answer") { answers.pop unless answers.empty? }).to eq([nil, 1])
      expect(described_class.wait_until(:stopped, timeout: 5_000)).to be(true)
      expect(described_class.stop).to be_clean
    end

    it "begins when a consumer calls it on a worker whose maker has not gone on yet" do
      gate = Queue.new
      answers = []
      consumer = consumer_class { partition.zero? ? gate.pop : answers << Karafka::Embedded.stop(timeout: 3_000) }
      set_up(consumer) { |config| config.concurrency = 1 }
      start_with({ topic => 2 })
      feed(topic, %w[1], partition: 0)
      eventually("the first job") { gate.num_waiting == 1 }
      feed(topic, %w[1], partition: 1)
      eventually("the second job") { Karafka::Server.jobs_queue.statistics[:enqueued] == 1 }
      maker = Thread.current
      hold_makers { eventually("answer") { !answers.empty? } if Thread.current.equal?(maker) }
      Karafka::Server.workers.scale(2)
      gate << :go
      expect(answers).to eq([nil])
      expect(described_class.stop).to be_clean
    end

    it "goes on when a thread that waits for it is killed" do
      start_held
      waiting = Thread.new { described_class.stop }
      eventually("stopping") { described_class.state == :stopping }
      waiting.kill.join
      @release << :go
      expect(described_class.wait_until(:stopped, timeout: 5_000)).to be(true)
      expect(described_class.stop).to be_clean
    end

    it "returns nil when nothing was started" do
      expect(described_class.stop).to be_nil
    end

    it "runs the shutdown hook of each consumer that had messages" do
      stopped = Queue.new
      set_up(consumer_class(shutdown: proc { stopped << partition }) { nil })
      start_with({ topic => 2 })
      feed(topic, %w[1], partition: 1)
      eventually("offset") { described_class.health[:groups].sum { |group| group[:lag] }.zero? && consumer_of(1) }
      described_class.stop
      expect(Array.new(stopped.size) { stopped.pop }).to eq([1])
    end

    def consumer_of(partition)
      described_class.health[:groups].first[:assigned].any? do |assigned|
        assigned[:partition] == partition && assigned[:next_offset] == 1
      end
    end
  end

  describe ".restart" do
    it "says to a consumer that it would wait for itself" do
      raised = Queue.new
      embedded = described_class
      consumer = consumer_class do
        embedded.restart
      rescue Karafka::Errors::UnsupportedCaseError => e
        raised << e.message
      end
      set_up(consumer)
      start_with({ topic => 2 })
      feed(topic, ["1"], partition: 0)
      expect(eventually("refusal") { raised.pop unless raised.empty? }).to include("Thread.new")
      eventually("stop") { described_class.state == :stopped }
    end

    it "ends one run and begins another" do
      set_up
      described_class.start
      former = described_class.runtime
      described_class.restart
      expect(described_class.runtime).not_to equal(former)
      feed(topic, %w[1])
      expect(eventually("message") { consumed.pop unless consumed.empty? }).to eq("1")
    end
  end
end
