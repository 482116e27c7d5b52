# frozen_string_literal: true

# Consumes a topic, and journals what it consumed

require "karafka"
require "logger"
require_relative "diary"

class KarafkaApp < Karafka::App
  setup do |config|
    config.group_id = ENV.fetch("APP_GROUP")
    config.kafka = {
      "bootstrap.servers": ENV.fetch("KAFKA_BOOTSTRAP_SERVERS"), "auto.offset.reset": "earliest",
      # The shortest that a broker allows: a killed process is missed after it
      "session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_000, "linger.ms": 0
    }
    config.logger = Logger.new($stdout, level: Logger::INFO)
  end
end

class Journalist < Karafka::BaseConsumer
  WORK_S = Float(ENV.fetch("APP_WORK_S", "0.005"))

  def consume
    Diary.write(:taken, "#{partition} #{messages.size}")
    sleep(WORK_S)
    at = Diary.now
    Diary.write(:journal, *messages.map { |message| "#{partition} #{message.offset} #{at}" })
    # As a crash policy may
    Karafka::Embedded.host.stop if messages.any? { |message| message.raw_payload == "end the host" }
  end
end

# What the next release has, too
consumer = File.exist?(File.join(Diary::DIRECTORY, "broken")) ? "NowhereConsumer" : Journalist
Karafka::App.routes.draw { topic(ENV.fetch("APP_TOPIC")) { consumer consumer } } unless ENV["APP_ROUTES"] == "none"
%w[running quiet stopped].each do |state|
  Karafka.monitor.subscribe("app.#{state}") { Diary.write(:states, "#{state} #{Diary.now}") }
end
# A start that takes its time
Karafka.monitor.subscribe("app.running") { sleep(Float(ENV.fetch("APP_START_S", "0"))) }
