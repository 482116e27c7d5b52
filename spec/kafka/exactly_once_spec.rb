# frozen_string_literal: true

RSpec.describe "Consuming from four partitions with five workers" do
  let(:total) { Acceptance.size(full: 1_000_000, short: 100_000) }
  let(:topic) { KafkaServer.create_topic("orders", partitions: 4) }
  let(:consumed) { Array.new(4) { [] } }

  before do
    setup_embedded(KafkaServer.bootstrap) { |config| config.concurrency = 5 }
    offsets = consumed
    # A partition has one lease at a time, so that only one thread at a time adds to its list
    route(topic, consumer_class { messages.each { |message| offsets[partition] << message.offset } })
    4.times { |partition| feed(topic, Array.new(total / 4, &:to_s), partition: partition) }
  end

  def consume(at_least)
    eventually("#{at_least} messages", within: 300) { consumed.sum(&:size) >= at_least }
  end

  it "consumes each message once and in the order of its partition" do
    Karafka::Embedded.start
    consume(total)
    expect(Karafka::Embedded.stop).to be_clean

    expect(consumed).to eq(Array.new(4) { (0...(total / 4)).to_a })
    expect(errors).to be_empty
  end

  it "goes on behind the last message when it is stopped on the way and started again" do
    [0.2, 0.5, 1].each do |share|
      Karafka::Embedded.start
      consume(total * share)
      expect(Karafka::Embedded.stop).to be_clean
    end

    expect(consumed).to eq(Array.new(4) { (0...(total / 4)).to_a })
    expect(errors).to be_empty
  end
end
