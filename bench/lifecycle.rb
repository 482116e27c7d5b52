# frozen_string_literal: true

require_relative "support/base"
require_relative "support/host"

module Bench
  # How long start and stop take, and what an engine with nothing to do costs.
  class Lifecycle < Base
    TOPIC = "bench-lifecycle"
    MESSAGES = 10
    SETTLE = 3
    IDLE = 20

    def run
      Tools.fill(@servers, TOPIC, 1, MESSAGES)
      median = Figures.medians(Array.new(@options.runs) { measure { sleep(SETTLE) } })
      @reporter.add("start returns", value: median[:start_ms], unit: "ms")
      @reporter.add("start to first message", value: median[:first_ms], unit: "ms", wanted: { value: ..300 })
      @reporter.add("stop of an idle engine", value: median[:stop_ms], unit: "ms", wanted: { value: ..300 })
      @reporter.add("threads of an engine", value: median[:threads], unit: "threads")
      @reporter.add("memory of an idle engine", value: median[:rss_growth_mb], unit: "MB", rss_mb: median[:rss_mb],
                                                wanted: { rss_mb: ..100 })
      report_idle_cpu
    end

    private

    def report_idle_cpu
      rounds = Array.new(@options.runs) { |number| [idle_floor(number), measure { idle_cpu }.fetch(:meanwhile)] }
      floor, value = rounds.transpose.map { |runs| Figures.median(runs) / IDLE * 100.0 }
      @reporter.add("idle CPU over #{IDLE} s", value: value, unit: "% of a core", floor: floor, ratio: value / floor,
                                               wanted: { value: ..0.2 })
    end

    # A bare loop that has read all there is, in a group of its own
    def idle_floor(number)
      process = Tools.join_group(@servers, TOPIC, "bench-#{Process.pid}-idle-#{number}")
      idle_cpu(process)
    ensure
      Process.kill(:KILL, process) && Process.wait(process) if process
    end

    # @return [Float] seconds of CPU that a process uses while nothing is to be done
    def idle_cpu(process = Process.pid)
      sleep(SETTLE)
      before = Figures.cpu_of(process)
      sleep(IDLE)
      Figures.cpu_of(process) - before
    end

    # Start, first message, what the caller does with an idle engine, stop
    def measure(&idle)
      Host.run do
        Host.load
        Consumers::Touch.told = progress = Progress.new(MESSAGES)
        Host.draw(@servers, TOPIC, Consumers::Touch)
        before = { threads: Figures.threads, rss_mb: Figures.rss_mb }
        start_ms, first_ms = start(progress)
        meanwhile = idle.call
        { start_ms: start_ms, first_ms: first_ms, meanwhile: meanwhile, rss_mb: Figures.rss_mb,
          rss_growth_mb: Figures.rss_mb - before[:rss_mb], threads: Figures.threads - before[:threads], stop_ms: stop }
      end
    end

    def start(progress)
      began = Figures.now
      Karafka::Embedded.start
      returned = Figures.now
      raise Failure, "no message: #{Karafka::Embedded.health}" unless progress.wait(60)

      [returned, progress.began_at].map { |at| (at - began) * 1_000 }
    end

    def stop
      began = Figures.now
      Karafka::Embedded.stop
      (Figures.now - began) * 1_000
    end
  end
end
