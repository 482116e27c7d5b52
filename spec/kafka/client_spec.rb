# frozen_string_literal: true

require "json"

RSpec.describe Karafka::Native::Client do
  subject(:client) { Karafka::Embedded.runtime.engine.client(0) }

  let(:topic) { KafkaServer.create_topic("orders") }
  let(:consumed) { Queue.new }
  let(:wait) { 10_000 }

  before do
    setup_embedded(KafkaServer.bootstrap)
    seen = consumed
    route(topic, consumer_class do
      messages.each { |message| seen << message.offset }
      mark_as_consumed!(messages.last)
    end)
    start_with({ topic => 1 })
    feed(topic, %w[1 2 3])
    eventually("messages") { consumed.size == 3 }
  end

  def asked(**details)
    JSON.generate([{ topic: topic, partition: 0, **details }])
  end

  def offset_of(answer)
    JSON.parse(answer).first.fetch("offset")
  end

  it "has librdkafka's name, and its partitions" do
    expect(client.name).to match(/\Aspec#consumer-\d+\z/)
    expect(client).not_to be_assignment_lost
  end

  it "asks the broker for watermarks" do
    expect(client.query_watermarks(topic, 0, wait)).to eq([0, 3])
  end

  it "asks the coordinator what was committed" do
    eventually("commit") { offset_of(client.committed(asked, wait)) == 3 }
  end

  it "asks for the offset of a time, and has none past the end" do
    expect(offset_of(client.offsets_for_times(asked(timestamp: 0), wait))).to eq(0)
    expect(offset_of(client.offsets_for_times(asked(timestamp: (Time.now.to_i + 3_600) * 1_000), wait))).to be_nil
  end

  it "raises with Kafka's code for a partition that does not exist" do
    expect { client.query_watermarks(topic, 7, wait) }.to raise_error(Karafka::Native::KafkaError) { |error|
      expect(error.code).to eq(:unknown_partition)
      expect(error.message).to include("watermarks of #{topic}/7")
    }
  end

  it "refuses a token where none was asked for" do
    expect { client.set_token("token", 0, "me", "{}") }.to raise_error(Karafka::Native::KafkaError, /OAUTHBEARER/)
    expect { client.set_token_failure("no token") }.to raise_error(Karafka::Native::KafkaError, /OAUTHBEARER/)
  end

  it "is interrupted while it waits" do
    asking = Thread.new { client.query_watermarks(unique("missing"), 0, 60_000) }
    eventually("question") { asking.status == "sleep" }
    began = Eventually.now
    asking.kill
    eventually("its end") { !asking.alive? }
    expect(Eventually.now - began).to be < 5
  end

  it "is gone with the engine" do
    client
    Karafka::Embedded.stop
    expect(client.name).to be_nil
    expect(client).to be_assignment_lost
    expect { client.query_watermarks(topic, 0, wait) }.to raise_error(Karafka::Native::LifecycleError)
  end
end
