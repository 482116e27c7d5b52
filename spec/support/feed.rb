# frozen_string_literal: true

require "json"

# Fills topics, beside the application under test and its producer
class Feed
  ANY_PARTITION = -1
  NOW = 0
  ANSWER_MS = 60_000
  private_constant :ANY_PARTITION, :NOW, :ANSWER_MS

  class << self
    # @param bootstrap [String]
    # @yieldparam feed [Feed]
    def open(bootstrap)
      feed = new(bootstrap)
      yield feed
    ensure
      feed&.close
    end
  end

  # @param bootstrap [String]
  def initialize(bootstrap)
    kafka = {
      "bootstrap.servers" => bootstrap, "queue.buffering.max.messages" => "1000000", "linger.ms" => "5",
      # Without it what a broker did not answer to in time is there twice
      "enable.idempotence" => "true",
      "message.max.bytes" => "2000000"
    }
    @native = Karafka::Native::Producer.new(JSON.generate(name: "feed", kafka: kafka))
  end

  # Hands messages over without waiting
  # @param payloads [Enumerable<String, nil>]
  # @param headers [Array<String>] names and values in turn
  # @return [Array<Karafka::Native::Delivery>]
  def hand_over(topic, payloads, partition: ANY_PARTITION, key: nil, headers: [])
    payloads.map do |payload|
      delivery = @native.produce(topic, payload, key, partition, NOW, headers, 0)
      raise "#{topic}: not taken, code #{delivery}" if delivery.is_a?(Integer)

      delivery
    end
  end

  # Hands messages over and waits until the broker has them
  # @see #hand_over
  def send(topic, payloads, **options)
    await(topic, hand_over(topic, payloads, **options))
  end

  # Waits until the broker has what was handed over
  # @param deliveries [Array<Karafka::Native::Delivery>]
  def await(topic, deliveries)
    refused = deliveries.reject { |delivery| delivery.wait(ANSWER_MS) && delivery.error.zero? }
    return if refused.empty?

    codes = refused.map(&:error).tally
    raise "#{topic}: #{refused.size} of #{deliveries.size} messages not delivered, codes #{codes}"
  end

  # Ends it
  def close
    @native.close
  end
end
