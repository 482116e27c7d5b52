# frozen_string_literal: true

# A run keeps what it was started with; the next one takes what was set meanwhile.
RSpec.describe "Settings and routes that change while the engine runs" do
  let(:topic) { create_topic("orders") }
  let(:other_topic) { create_topic("refunds") }
  let(:sizes) { Queue.new }

  before do
    setup_embedded(bootstrap) do |config|
      config.concurrency = 2
      config.max_messages = 2
    end
    seen = sizes
    route(topic, consumer_class { seen << messages.size })
  end

  def largest_batch
    feed(topic, Array.new(40, "x"))
    taken = 0
    largest = 0
    eventually("40 messages") do
      until sizes.empty?
        size = sizes.pop
        taken += size
        largest = [largest, size].max
      end
      taken == 40
    end
    largest
  end

  it "are taken by the next run" do
    start_with({ topic => 1 })
    expect(largest_batch).to eq(2)

    Karafka::App.setup do |config|
      config.concurrency = 4
      config.max_messages = 7
    end
    expect(largest_batch).to eq(2)
    expect(Karafka::Embedded.health[:workers][:size]).to eq(2)

    Karafka::Embedded.stop
    feed(topic, Array.new(40, "x"))
    Karafka::Embedded.start
    expect(Karafka::Embedded.health[:workers][:size]).to eq(4)
    eventually("a larger batch") { !sizes.empty? && sizes.pop == 7 }
  end

  it "add a topic with the next run" do
    start_with({ topic => 1 })
    seen = Queue.new
    route(other_topic, consumer_class { seen << topic.name })
    feed(other_topic, ["x"])
    expect(largest_batch).to be_positive
    expect(assigned).to eq(topic => 1)
    expect(seen).to be_empty

    Karafka::Embedded.restart
    expect(eventually("message of the new topic") { seen.pop unless seen.empty? }).to eq(other_topic)
  end

  it "may be refused by the next start, and the run goes on" do
    start_with({ topic => 1 })
    expect { Karafka::App.setup { |config| config.max_messages = -1 } }
      .to raise_error(Karafka::Errors::InvalidConfigurationError)
    expect(largest_batch).to eq(2)
    expect(Karafka::Embedded).to be_running
  end
end
