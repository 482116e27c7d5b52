# frozen_string_literal: true

# librdkafka leaves out a partition whose queue is full, and a fetch for partitions that have nothing takes all its time
RSpec.describe "A backlog of one partition, beside others that have nothing" do
  let(:topic) { KafkaServer.create_topic("skewed", partitions: 4) }
  let(:seen) { Hash.new { |all, partition| all[partition] = [] } }

  # In small batches, as they come from a producer that does not send all at once
  def backlog(messages)
    Feed.open(KafkaServer.bootstrap) do |feed|
      (0...messages).each_slice(100) do |numbers|
        feed.send(topic, numbers.map { |number| number.to_s.ljust(1_000) }, partition: 0)
      end
    end
  end

  it "is read without waiting for them" do
    seen_here = seen
    count = 30_000
    backlog(count)
    setup_embedded(KafkaServer.bootstrap, kafka: { "fetch.wait.max.ms": 5_000 }) do |config|
      config.embedded.prefetch_memory = 4 << 20
    end
    route(topic, consumer_class do
      sleep(0.002) # The queue fills faster than it is read, and would be empty soon
      seen_here[partition].concat(messages.map { |message| message.raw_payload.to_i })
    end)
    start_with({ topic => 4 })
    # More than thirty queues full: each would have to wait for another five seconds
    eventually("the end of the backlog", within: 60) { seen[0].size >= count }
    expect(seen).to eq(0 => (0...count).to_a)
    expect(errors).to be_empty
  end
end
