# frozen_string_literal: true

RSpec.describe "What the engine takes of its host" do
  let(:topic) { create_topic("orders", partitions: 2) }

  def set_up(kafka: {}, **settings, &consume)
    setup_embedded(bootstrap, kafka: kafka) do |config|
      config.max_messages = 10
      settings.each { |name, value| config.embedded.public_send(:"#{name}=", value) }
    end
    route(topic, consumer_class(&consume))
    start_with({ topic => 2 })
  end

  def backlog(messages)
    2.times { |partition| feed(topic, Array.new(messages, "x"), partition: partition) }
  end

  def now_in_health = Karafka::Embedded.health.fetch(:pacing)

  it "is host_share while the host is busy, and everything when it is not" do
    set_up(host_share: 10) { messages.each(&:raw_payload) }
    backlog(20_000)
    with_busy_host do
      eventually("contention") do
        expect(now_in_health).to include(host_share: 10.0)
        now_in_health[:contention] > 60 && now_in_health[:allowed] <= 15
      end
    end
    eventually("full speed") { now_in_health[:allowed] >= 100 }
    expect(errors).to be_empty
  end

  it "is not held back at a host_share of 100" do
    set_up(host_share: 100) { messages.each(&:raw_payload) }
    backlog(1_000)
    with_busy_host do
      # Where the host's thread wakes fast it has Ruby's lock for a tenth of a second after each batch
      lags = -> { Karafka::Embedded.health[:groups].first[:assigned].map { |partition| partition[:lag] } }
      eventually("the end of the backlog", within: 60) { lags.call == [0, 0] }
      expect(now_in_health).to include(host_share: 100.0, contention: 0.0, allowed: 100.0)
    end
  end

  it "is at most prefetch_memory, for all partitions together" do
    gate = Queue.new
    seen = Queue.new
    set_up(prefetch_memory: 1 << 20, kafka: { "statistics.interval.ms": 100 }) { gate.pop }
    Karafka.monitor.subscribe("statistics.emitted") do |event|
      partitions = event[:statistics].dig("topics", topic, "partitions") || {}
      seen << partitions.sum { |_, partition| partition["fetchq_size"] }
    end
    # A broker hands out whole batches of a producer, however small a fetch is
    Feed.open(bootstrap) do |feed|
      [0, 1].product((1..40).to_a) do |partition, _|
        feed.send(topic, Array.new(100, "x" * 1_000), partition: partition)
      end
    end
    sizes = []
    eventually("queues that are as full as they may be") do
      sizes << seen.pop until seen.empty?
      sizes.last(10).count(&:positive?) == 10
    end
    expect(sizes.max).to be_between(100_000, 1 << 20)
  ensure
    gate.close
  end
end
