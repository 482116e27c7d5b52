# frozen_string_literal: true

$LOAD_PATH.unshift(File.expand_path("../../lib", __dir__))

require "karafka"
require "logger"
require "securerandom"

# What is the same for all examples: a broker, topics of their own, and waiting for the end. In an application the
# settings stand in karafka.rb, and Puma or Sidekiq calls start and stop.
module Example
  # The broker that KAFKA_BOOTSTRAP_SERVERS names, or one in this process
  BROKER = ENV.fetch("KAFKA_BOOTSTRAP_SERVERS") { Karafka::Embedded::Broker.start.bootstrap_servers }
  # A run finds nothing of the one before
  RUN = SecureRandom.hex(4)
  PATIENCE_S = 60

  @finished = Queue.new

  class << self
    # @param name [String]
    # @return [String] name of a topic that is this run's alone
    def topic(name)
      "#{name}-#{RUN}"
    end

    # Settings that do for an example
    # @param kafka [Hash{Symbol => Object}] further settings for librdkafka
    def setup(kafka: {})
      Karafka::App.setup do |config|
        config.client_id = "example"
        config.group_id = topic("examples")
        config.logger = Logger.new($stderr, level: Logger::FATAL)
        config.kafka = { "bootstrap.servers": BROKER, **kafka }
        yield(config) if block_given?
      end
    end

    # Produces messages, and with the first of them the topic
    # @param name [String] of the topic
    # @param payloads [Array<String>]
    def produce(name, *payloads)
      messages = payloads.map { |payload| { topic: topic(name), payload: payload, partition: 0 } }
      Karafka.producer.produce_many_sync(messages)
    end

    # Consumes until a consumer says that it has seen enough
    def run
      Karafka::Embedded.start
      Timeout.timeout(PATIENCE_S) { @finished.pop }
    ensure
      Karafka::Embedded.stop
    end

    # A consumer has seen enough
    def finish
      @finished << true
    end
  end
end

require "timeout"
$stdout.sync = true
