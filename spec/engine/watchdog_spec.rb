# frozen_string_literal: true

require "fiddle"

RSpec.describe Karafka::Embedded::Watchdog do
  let(:embedded) { Karafka::Embedded }
  let(:topic) { create_topic("orders", partitions: 2) }
  let(:release) { Queue.new }

  def set_up(policy: :report, kafka: {}, **settings, &consume)
    setup_embedded(bootstrap, kafka: kafka) do |config|
      config.embedded.stall_timeout = 2_000
      config.embedded.crash_policy = policy
      config.embedded.crash_backoff = 20
      settings.each { |name, value| config.public_send(:"#{name}=", value) }
    end
    route(topic, consumer_class(&consume || proc {}))
    start_with({ topic => 2 })
  end

  def stall(message)
    eventually("stall") { embedded.health[:stalls].find { |one| one[:message].match?(message) } }
  end

  def told(message)
    eventually("report") do
      errors.find { |one| one.type == "watchdog.stall.error" && one.error.message.match?(message) }
    end
  end

  %w[control poll].each do |name|
    it "has an engine crash whose thread karafka.#{name} is stuck" do
      set_up
      embedded.runtime.engine.provoke(:"#{name}_stall")
      told(/karafka\.#{name}\S* of the engine is stuck/)
      eventually("crash") { log.string.include?("it stays down") }
      expect(embedded.health).to include(state: :crashed, healthy: false, reasons: include(/is stuck/))
      expect(embedded.health[:crashes]).to include(include(cause: :thread))
    end
  end

  it "has an engine restarted whose thread is stuck" do
    set_up(policy: :restart)
    former = embedded.runtime
    embedded.runtime.engine.provoke(:poll_stall)
    eventually("restart") { embedded.health[:restarts] == 1 }
    expect(embedded.runtime).not_to equal(former)
    eventually("assignment", within: 30) { assigned == { topic => 2 } }
    eventually("health") { embedded.healthy? }
  end

  it "tells of a job that runs longer than max.poll.interval.ms, and what it does" do
    released = release
    set_up(kafka: { "max.poll.interval.ms": 3_000, "session.timeout.ms": 1_500 }) { released.pop }
    feed(topic, %w[1], partition: 1)
    late = stall(%r{consume of #{topic}/1, offsets 0..0 runs longer than max.poll.interval.ms \(3000 ms\)})
    expect(late).to include(severity: :unhealthy)
    expect(late[:threads].keys).to match([/karafka\.worker#/])
    expect(late[:threads].values.first.join).to include("pop", File.basename(__FILE__))
    expect(told(/runs longer/).error.backtrace.join).to include(File.basename(__FILE__))
    expect(log.string).to include("karafka.embedded (", "  ")
    expect(embedded).not_to be_healthy

    release << :go
    eventually("end of the stall") { embedded.health[:stalls].empty? }
    eventually("line") { log.string.include?("goes on: consume of #{topic}/1") }
  end

  it "tells of workers that end no job while partitions wait, and stays healthy" do
    released = release
    set_up(concurrency: 1) { released.pop }
    feed(topic, %w[1], partition: 0)
    feed(topic, %w[1], partition: 1)
    busy = stall(/no worker has ended its job for 2000 ms, and 1 partitions wait/)
    expect(busy).to include(severity: :warning)
    expect(busy[:threads].keys).to eq(["karafka.worker#0"])
    expect(embedded).to be_healthy
    2.times { release << :go }
    eventually("end of the stall") { embedded.health[:stalls].empty? }
  end

  it "leaves workers alone that end their jobs, however many wait" do
    turns = Queue.new
    set_up(concurrency: 1, max_messages: 1) do
      turns << :turn
      sleep(0.05)
    end
    [0, 1].each { |partition| feed(topic, Array.new(60, "1"), partition: partition) }
    eventually("work") { turns.size >= 100 }
    expect(errors).to be_empty
  end

  it "tells of a subscriber that keeps the events" do
    set_up
    released = release
    Karafka.monitor.subscribe("app.quieting") { released.pop }
    embedded.quiet
    kept = stall(/a subscriber of Karafka.monitor keeps the thread karafka.embedded/)
    expect(kept[:threads].fetch("karafka.embedded").join).to include(File.basename(__FILE__))
    release << :go
    eventually("end of the stall") { embedded.health[:stalls].empty? }
  end

  it "says nothing of what stood still because other code kept Ruby's lock" do
    set_up
    Karafka.monitor.subscribe("connection.listener.fetch_loop") { nil } # Has the events read each second
    keep = Fiddle::Function.new(
      Fiddle::Handle::DEFAULT["sleep"], [Fiddle::TYPE_INT], Fiddle::TYPE_INT, need_gvl: true
    )
    await_looks(2) # By then it waits for what is new
    keep.call(6) # Three times as long as anything may stand still
    await_looks(3)
    expect(errors).to be_empty
    expect(embedded.health[:stalls]).to be_empty
  end

  it "is replaced when its thread dies" do
    set_up
    Thread.list.find { |thread| thread.name == "karafka.watchdog" }.kill
    eventually("report") { errors.any? { |one| one.error.message.include?("karafka.watchdog ended unexpectedly") } }
    embedded.runtime.engine.provoke(:control_stall)
    told(/stuck/)
  end

  it "says nothing of a process that was suspended" do
    ChildProcess.open(:suspended, topic: topic, **on_broker) do |child|
      child.await(:running)
      child.signal(:STOP)
      eventually("suspension") { File.read("/proc/#{child.pid}/stat").split(") ").last.start_with?("T") }
      sleep(4) # Twice as long as anything may stand still
      child.signal(:CONT)
      child.signal(:TERM)
      expect(child.await(:looked)).to include(stalls: [], errors: [])
      expect(child.wait).to be_success
    end
  end
end
