# frozen_string_literal: true

# In a host that is busy consumers work in turns, with pauses between them
RSpec.describe "A busy host" do
  let(:count) { 1_200 }
  let(:seen) { Hash.new { |all, partition| all[partition] = [] } }

  # One message after the other, to all partitions in turn
  def trickle(numbers)
    Feed.open(KafkaServer.bootstrap) do |feed|
      deliveries = numbers.flat_map do |number|
        sleep(0.002)
        feed.hand_over(topic, [number.to_s], partition: number % 4)
      end
      feed.await(topic, deliveries)
    end
  end

  def expect_all_until(last)
    eventually("all up to #{last}", within: 60) { seen.values.sum(&:size) >= last }
    expected = (0...last).group_by { |number| number % 4 }
    expect(seen.transform_values { |numbers| numbers.map(&:to_i) }).to eq(expected)
  end

  it "gets each message once and in order, before its partition leaves and when it is back" do
    seen_here = seen
    allowed = []
    consuming([], partitions: 4) do
      seen_here[partition].concat(messages.map(&:raw_payload))
      # It follows the host by the wait of each turn: a single look may come after one that was short by chance
      allowed << Karafka::Embedded.health.dig(:pacing, :allowed)
    end
    # Requests hand the lock on often
    with_busy_host(2, -> { 5_000.times { nil } && Thread.pass }) do
      trickle(0...count)
      expect_all_until(count)
      expect(allowed.min).to be < 100

      with_rival(left: 2) { trickle(count...(2 * count)) }
      expect_all_until(2 * count)
      trickle((2 * count)...(3 * count))
      expect_all_until(3 * count)
    end
    expect(errors).to be_empty
  end
end
