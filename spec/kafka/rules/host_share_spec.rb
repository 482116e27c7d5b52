# frozen_string_literal: true

# In a host that is busy consumers work in turns, with pauses between them
RSpec.describe "A busy host" do
  let(:count) { 1_200 }
  let(:seen) { Hash.new { |all, partition| all[partition] = [] } }

  # Threads that want Ruby's lock all the time, and hand it on as often as requests do
  def beside_requests
    over = false
    requests = Array.new(2) { Thread.new { (5_000.times { nil } && Thread.pass) until over } }
    yield
  ensure
    over = true
    requests&.each(&:join)
  end

  # One message after the other, to all partitions in turn
  def trickle(numbers)
    Feed.open(KafkaServer.bootstrap) do |feed|
      deliveries = numbers.map do |number|
        sleep(0.002)
        feed.hand_over(topic, [number.to_s], partition: number % 4).first
      end
      deliveries.each { |delivery| raise "not delivered" unless delivery.wait(60_000) && delivery.error.zero? }
    end
  end

  def expect_all_until(last)
    eventually("all up to #{last}", within: 60) { seen.values.sum(&:size) >= last }
    expected = (0...last).group_by { |number| number % 4 }
    expect(seen.transform_values { |numbers| numbers.map(&:to_i) }).to eq(expected)
  end

  it "gets each message once and in order, before its partition leaves and when it is back" do
    seen_here = seen
    consuming([], partitions: 4) { seen_here[partition].concat(messages.map(&:raw_payload)) }
    beside_requests do
      trickle(0...count)
      expect_all_until(count)
      expect(Karafka::Embedded.health.dig(:pacing, :allowed)).to be < 100

      with_rival(left: 2) { trickle(count...(2 * count)) }
      expect_all_until(2 * count)
      trickle((2 * count)...(3 * count))
      expect_all_until(3 * count)
    end
    expect(errors).to be_empty
  end
end
