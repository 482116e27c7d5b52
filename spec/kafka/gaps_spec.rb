# frozen_string_literal: true

# Offsets without a message: ends of transactions have one each, and what was not committed is never delivered
RSpec.describe "A partition with gaps" do
  let(:topic) { KafkaServer.create_topic("orders") }
  let(:id) { unique("transactions") }
  let(:committed) { [] }
  let(:all) { [] }

  # The first batch fails once, so that gaps are in what is repeated too
  def reader(seen)
    consumer_class do
      seen.concat(messages.map(&:offset))
      raise "once" if messages.first.offset.zero? && attempt == 1
    end
  end

  before do
    setup_embedded(KafkaServer.bootstrap)
    name = topic
    careful = reader(committed)
    hasty = reader(all)
    Karafka::App.routes.draw do
      topic(name) { consumer careful }
      consumer_group("#{name}-hasty") do
        topic(name) do
          consumer hasty
          kafka("isolation.level": "read_uncommitted", inherit: true)
        end
      end
    end
  end

  it "is consumed over them, and without what was not committed unless the isolation level says so" do
    Transactions.commit(topic, id, 2)
    Transactions.abandon(topic, id, 3)
    # Ends what was abandoned
    Transactions.commit(topic, id, 1)
    # Behind it comes the end of its transaction
    last = KafkaServer.end_offset(topic, 0) - 2
    feed(topic, %w[next], partition: 0)
    start_with({ topic => 2 })
    groups = [Karafka::App.config.group_id, "#{topic}-hasty"]
    eventually("both") { groups.all? { |group| KafkaServer.committed(group, topic, 0) == last + 3 } }

    # 2 is the end of the first transaction, as the one before the last message is of the second
    expect(committed.uniq).to eq([0, 1, last, last + 2])
    expect(all.uniq).to eq([0, 1, *(3..(last - 2)), last, last + 2])
    expect(last).to be > 6
  end
end
