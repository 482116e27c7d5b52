# frozen_string_literal: true

require_relative "support/base"
require_relative "support/host"

module Bench
  # Latency on partitions beside one whose consumer takes half a second a message and has a backlog.
  class Isolation < Base
    PARTITIONS = 4
    BACKLOG = 400
    COUNT = 1_000
    WARM_UP = 30
    EVERY_MS = 10
    TOPIC = "bench-isolation"

    def run
      Tools.fill(@servers, TOPIC, PARTITIONS, BACKLOG)
      figures = Figures.medians(Array.new(@options.runs) { measure })
      @reporter.add("others, beside 0.5 s a message", value: figures[:p99_ms], unit: "ms", **figures,
                                                      wanted: { p99_ms: ..20.0 })
    end

    private

    def measure
      Host.run do
        Host.load
        Consumers::SlowBeside.told = log = LatencyLog.new
        Host.draw(@servers, TOPIC, Consumers::SlowBeside)
        Karafka::Embedded.start
        log.wait_for_slow
        log.wait_for_arrival
        Process.wait(Tools.send_paced(@servers, TOPIC, "1..#{PARTITIONS}", COUNT + WARM_UP, EVERY_MS))
        ages = log.take(COUNT + WARM_UP).drop(WARM_UP)
        log.over!
        Karafka::Embedded.stop
        Figures.latencies(ages)
      end
    end
  end
end
