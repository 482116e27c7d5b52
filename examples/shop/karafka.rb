# frozen_string_literal: true

require "karafka"
require "logger"
require_relative "app/shop"

class KarafkaApp < Karafka::App
  # Where no Kafka is named, the shop brings one, which ends with this process. In Puma's cluster mode this file is
  # loaded once, in the master, before it forks: its workers reach the broker over TCP like any other.
  bootstrap_servers = ENV.fetch("KAFKA_BOOTSTRAP_SERVERS") do
    Karafka::Embedded::Broker.start(topics: { Shop::TOPIC => 4 }).bootstrap_servers
  end

  setup do |config|
    config.client_id = "shop"
    config.kafka = {
      "bootstrap.servers": bootstrap_servers,
      # An order waits for nobody: the producer sends it at once, instead of gathering for 5 ms
      "linger.ms": 0,
      "statistics.interval.ms": 1_000
    }
    # Less than Puma gives a worker to end in, which is 30 s
    config.shutdown_timeout = 20_000
    # Whatever the environment, the stop report is shown
    config.logger = Logger.new($stdout, level: Logger::INFO)
  end

  routes.draw do
    consumer_group Shop::GROUP do
      topic(Shop::TOPIC) { consumer OrdersConsumer }
    end
  end
end

Karafka.monitor.subscribe("error.occurred") { |event| Karafka.logger.error("#{event[:type]}: #{event[:error]}") }
Karafka.monitor.subscribe(Shop.processes)
Shop.open
