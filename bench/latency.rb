# frozen_string_literal: true

require_relative "support/base"
require_relative "support/host"

module Bench
  # Lone messages, from their send by another process to their consumer. The producer does not linger; the engine has
  # default settings.
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
      measure(BROKER_WARM_UP, BROKER_WARM_UP_EVERY_MS)
      runs = Array.new(@options.runs) { measure(COUNT, EVERY_MS) }
      figures = %i[p50_ms p99_ms max_ms].to_h { |key| [key, Figures.median(runs.map { |run| run[key] })] }
      @reporter.add("lone message, end to end", value: figures[:p50_ms], unit: "ms", **figures,
                                                wanted: { p50_ms: ..2.0, p99_ms: ..5.0 })
    end

    private

    def measure(count, every_ms)
      Host.run do
        Host.load
        Consumers::Stamped.told = log = LatencyLog.new
        Host.draw(@servers, TOPIC, Consumers::Stamped)
        Karafka::Embedded.start
        log.wait_for_arrival
        Process.wait(Tools.send_paced(@servers, TOPIC, 1, count + WARM_UP, every_ms))
        log.take(count + WARM_UP).drop(WARM_UP).then { |ages| Figures.latencies(ages) }.tap { Karafka::Embedded.stop }
      end
    end
  end
end
