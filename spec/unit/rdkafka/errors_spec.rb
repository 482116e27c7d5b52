# frozen_string_literal: true

RSpec.describe Rdkafka::RdkafkaError do
  it "names its code" do
    expect([-147, 36, 3, -191, 87, 0].map { |response| described_class.new(response).code }).to eq(
      %i[max_poll_exceeded topic_already_exists unknown_topic_or_part partition_eof invalid_record no_error]
    )
    expect(described_class.new(9_999).code).to eq(:err_9999?)
  end

  it "reads as people know it" do
    expect(described_class.new(3).message).to eq("Broker: Unknown topic or partition (unknown_topic_or_part)")
    expect(described_class.new(36, "creating", broker_message: "Topic 'a' exists").to_s)
      .to eq("creating - Broker: Topic already exists (topic_already_exists)\nTopic 'a' exists")
  end

  it "tells what kind it is" do
    error = described_class.new(3, fatal: true, retryable: true, abortable: true, instance_name: "c-1")

    expect(error).to have_attributes(
      rdkafka_response: 3, fatal?: true, retryable?: true, abortable?: true, instance_name: "c-1", details: {}
    )
    expect(described_class.new(3)).to have_attributes(fatal?: false, retryable?: false, abortable?: false)
  end

  it "equals another of the same" do
    expect(described_class.new(3)).to eq(described_class.new(3))
    expect(described_class.new(3)).not_to eq(described_class.new(4))
  end

  it "needs a number" do
    expect { described_class.new(:nope) }.to raise_error(TypeError)
  end
end
