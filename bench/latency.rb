# frozen_string_literal: true

require_relative "support/base"
require_relative "support/host"

module Bench
  # Lone messages, from their send by another process to their consumer, beside the floor: runs of both alternate, and
  # the medians count. The producer does not linger; the engine has default settings.
  class Latency < Base
    COUNT = 300
    WARM_UP = 20
    EVERY_MS = 50
    # A broker that has just started needs some thousand requests until it is compiled
    BROKER_WARM_UP = 5_000
    BROKER_WARM_UP_EVERY_MS = 2
    TOPIC = "bench-latency"

    def run
      Tools.fill(@servers, TOPIC, 1, 1)
      ours(BROKER_WARM_UP, BROKER_WARM_UP_EVERY_MS)
      rounds = Array.new(@options.runs) { [floor, ours].map { |ages| Figures.latencies(ages.drop(WARM_UP)) } }
      floor, figures = rounds.transpose.map { |runs| Figures.medians(runs) }
      @reporter.add("lone message, end to end", value: figures[:p50_ms], unit: "ms", floor: floor[:p50_ms], **figures,
                                                floor_p99_ms: floor[:p99_ms], wanted: { p50_ms: ..2.0, p99_ms: ..5.0 })
    end

    private

    def floor
      messages = COUNT + WARM_UP
      Tools.floor_ages(@servers, TOPIC, 1, messages) { send_paced(messages, EVERY_MS) }
    end

    def ours(count = COUNT, every_ms = EVERY_MS)
      Host.run do
        Host.load
        Consumers::Stamped.told = log = LatencyLog.new
        Host.draw(@servers, TOPIC, Consumers::Stamped)
        Karafka::Embedded.start
        log.wait_for_arrival
        send_paced(count + WARM_UP, every_ms)
        log.take(count + WARM_UP).tap { Karafka::Embedded.stop }
      end
    end

    def send_paced(messages, every_ms) = Process.wait(Tools.send_paced(@servers, TOPIC, 1, messages, every_ms))
  end
end
