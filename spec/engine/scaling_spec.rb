# frozen_string_literal: true

RSpec.describe "Workers that are scaled while the engine runs" do
  let(:partitions) { 6 }
  let(:topic) { create_topic("orders", partitions: partitions) }
  let(:entered) { Queue.new }
  let(:release) { Queue.new }
  let(:left) { Queue.new }
  let(:workers) { Karafka::Server.workers }
  let(:scalings) { EventRecorder.new("worker.scaling.up", "worker.scaling.down") }

  before do
    setup_embedded(bootstrap) { |config| config.concurrency = 2 }
    began = entered
    gate = release
    ended = left
    route(topic, consumer_class do
      began << partition
      gate.pop
      ended << Thread.current.name
    end)
    scalings
    start_with({ topic => partitions })
  end

  # One job for each partition
  def feed_all
    partitions.times { |number| feed(topic, ["x"], partition: number) }
  end

  def await_entered(count)
    eventually("#{count} jobs at once") { entered.size == count }
  end

  def told
    scalings.all.map { |event| [event.id[/\w+\z/], event[:from], event[:to]] }
  end

  it "work more at once, or less, from the next job on" do
    feed_all
    await_entered(2)
    workers.scale(4)
    await_entered(4)
    workers.scale(1)
    expect(workers.size).to eq(1)

    # Nobody was interrupted: all four jobs end as they would have
    expect(workers.alive.size).to eq(4)
    partitions.times { release << :go }
    eventually("all jobs") { left.size == partitions }
    eventually("workers that leave") { workers.alive.size == 1 }
    expect(told).to eq([["up", 0, 2], ["up", 2, 4], ["down", 4, 1]])
    expect(scalings.all.map { |event| event[:workers_pool] }).to all(equal(workers))
    expect(errors).to be_empty
  end

  it "leave at once when they wait for work" do
    workers.scale(5)
    workers.scale(3)
    workers.scale(1)
    eventually("one worker") { workers.alive.size == 1 }
    feed_all
    await_entered(1)
    expect(Karafka::Server.jobs_queue.statistics).to include(busy: 1)
    eventually("the others wait") { Karafka::Server.jobs_queue.statistics == { busy: 1, enqueued: partitions - 1 } }
    partitions.times { release << :go }
    eventually("all jobs") { left.size == partitions }
    expect(Array.new(partitions) { left.pop }.uniq.size).to eq(1)
  end

  it "come back while those before them are still at their last job" do
    feed_all
    await_entered(2)
    workers.scale(1)
    workers.scale(3)
    await_entered(4)
    partitions.times { release << :go }
    eventually("all jobs") { left.size == partitions }
    eventually("three workers") { workers.alive.size == 3 }
  end

  it "are at least one" do
    workers.scale(0)
    expect(workers.size).to eq(1)
    feed_all
    await_entered(1)
    partitions.times { release << :go }
    eventually("all jobs") { left.size == partitions }
    expect(told.last).to eq(["down", 2, 1])
  end

  it "tell nothing of what changes nothing" do
    workers.scale(2)
    expect(told).to eq([["up", 0, 2]])
  end

  it "are none once the engine has stopped" do
    Karafka::Embedded.stop
    workers.scale(5)
    expect(workers).to have_attributes(size: 0, alive: [], stopped?: true)
    expect(told).to eq([["up", 0, 2]])
  end

  it "sleep undisturbed in a consumer" do
    slept = Queue.new
    stub = create_topic("naps")
    route(stub, consumer_class do
      began = Eventually.now
      sleep(0.5)
      slept << (Eventually.now - began)
    end)
    Karafka::Embedded.restart
    feed(stub, ["x"])
    eventually("a job") { Karafka::Server.jobs_queue.statistics[:busy] == 1 }
    Karafka::Server.workers.scale(1)
    expect(eventually("the end of it") { slept.pop unless slept.empty? }).to be >= 0.5
  end
end
