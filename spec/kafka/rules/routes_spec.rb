# frozen_string_literal: true

# What a route says is what happens
RSpec.describe "Routes" do
  let(:seen) { Hash.new { |all, name| all[name] = [] } }

  # @return [Class] a consumer that notes what it reads
  def reader(name)
    notes = seen[name]
    consumer_class { notes.concat(messages.raw_payloads) }
  end

  it "has each consumer group read everything, and each subscription group its topics" do
    consuming(%w[a b]) { nil }
    Karafka::Embedded.stop
    other = KafkaServer.create_topic("rule")
    name = topic
    first = reader(:first)
    second = reader(:second)
    third = reader(:third)
    Karafka::App.routes.redraw do
      consumer_group("#{name}-1") { topic(name) { consumer first } }
      consumer_group("#{name}-2") do
        subscription_group(:mine) { topic(name) { consumer second } }
        topic(other) { consumer third }
      end
    end
    feed(other, %w[x])
    start_with({ name => 2, other => 1 })

    eventually("messages") { seen == { first: %w[a b], second: %w[a b], third: %w[x] } }
    assignments = Karafka::App.assignments
    expect(assignments.transform_keys(&:id)).to eq("#{name}-1_#{name}" => [0], "#{name}-2_#{name}" => [0],
                                                   "#{name}-2_#{other}" => [0])
    expect([assignments, *assignments.values]).to all(be_frozen)
    expect(Karafka::Server.listeners.map { |one| one.subscription_group.name }).to include("mine")
    Karafka::Embedded.stop
    expect(Karafka::App.assignments).to be_empty
  end

  it "begins with what comes next where initial_offset is latest" do
    notes = seen[:latest]
    consuming(%w[a b], initial_offset: "latest") { notes.concat(messages.raw_payloads) }
    # From where it reads, the broker is asked after the assignment
    eventually("a new message") { feed(topic, %w[new], partition: 0) || notes.any? }

    expect(notes.uniq).to eq(%w[new])
  end

  it "leaves a topic alone that is not active" do
    consuming(%w[a]) { nil }
    Karafka::Embedded.stop
    name = topic
    quiet = reader(:quiet)
    other = KafkaServer.create_topic("rule")
    Karafka::App.routes.redraw do
      topic(name) do
        consumer quiet
        active false
      end
      topic(other) { consumer quiet }
    end
    start_with({ other => 1 })

    expect(Karafka::App.subscription_groups.values.flatten.flat_map(&:subscriptions)).to eq([other])
    # The application hears of an assignment a moment after the engine has it
    eventually("the assignment") { Karafka::App.assignments.keys.map(&:name) == [other] }
  end

  it "takes a consumer for each batch where they do not persist" do
    ids = []
    consuming(%w[a b c], max_messages: 1, consumer_persistence: false) { ids << id }

    eventually("batches") { ids.size == 3 }
    expect(ids.uniq.size).to eq(3)
  end

  it "reads with the deserializers of the topic" do
    notes = seen[:read]
    consuming([], options: proc { deserializers(payload: ->(message) { message.raw_payload.to_i * 2 }) }) do
      notes.concat(messages.payloads)
    end
    feed(topic, %w[2 3], partition: 0)

    eventually("messages") { notes == [4, 6] }
  end
end
