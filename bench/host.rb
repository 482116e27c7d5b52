# frozen_string_literal: true

require_relative "support/base"
require_relative "support/busy_host"

module Bench
  # What consumers take of a host that is busy with requests: loads without and with consumers alternate in one process,
  # each run compares its own, and the medians of the comparisons count.
  class HostShare < Base
    # More than any case takes: the engine reads 2,000,000 a second in an idle host
    BACKLOG = 12_000_000
    TOPIC = "bench-host"
    STEADY_TOPIC = "bench-host-steady"
    STEADY = { every_ms: 0.4, rate: 2_500 }.freeze
    # A producer's own default, and one that sends each message alone: the broker answers many more fetches
    LINGERS_MS = [5, 0].freeze
    SECONDS = 3
    # Loads of both kinds in a run, in turn: what else happens on the machine changes within seconds
    PAIRS = 3
    # Time for the pace to settle, which is not measured
    SETTLE = 1.0
    ADAPTED_MS = 200
    # Lengths of time in which the rate is looked at, in seconds, and how many of them
    SLICE = 0.05
    SLICES = 18

    def run
      BusyHost.check
      %i[backlog steady idle adaptation].each { |name| __send__(name) if name.to_s.include?(@options.cases) }
    end

    private

    # Filled for the first case that reads it
    def backlog_topic = @backlog_topic ||= TOPIC.tap { |name| Tools.fill(@servers, name, 1, BACKLOG) }

    def backlog
      compare("backlog beside requests", backlog_topic, wanted: { value: 10_000.., ratio: 0.95.., p99_ratio: ..1.1 })
    end

    def steady
      Tools.fill(@servers, STEADY_TOPIC, 1, 1)
      LINGERS_MS.each { |linger_ms| steady_with(linger_ms) }
    end

    def steady_with(linger_ms)
      seconds = ((SECONDS + (2 * SETTLE)) * 2 * PAIRS * @options.runs) + 30
      sender = Tools.send_paced(@servers, STEADY_TOPIC, 1, (seconds * STEADY[:rate]).to_i,
                                [STEADY[:every_ms], linger_ms])
      compare("steady #{STEADY[:rate]} msg/s (linger #{linger_ms} ms) beside requests", STEADY_TOPIC,
              wanted: { ratio: 0.98.., value: (STEADY[:rate] * 0.95).. }, initial_offset: "latest")
    ensure
      end_process(sender) if sender
    end

    def compare(name, topic, wanted:, initial_offset: "earliest")
      BusyHost.with(@servers, INITIAL_OFFSET: initial_offset) do |host|
        host.load(2)
        runs = Array.new(@options.runs) { beside_and_without(host, topic) }
        @reporter.add(name, **Figures.medians(runs), unit: "msg/s", wanted: wanted)
      end
    end

    def beside_and_without(host, topic)
      pairs = Array.new(PAIRS) { [host.load(SECONDS), beside(host, topic)] }
      without = pairs.map(&:first)
      with, rates = pairs.map(&:last).transpose
      requests, p99 = %i[requests_per_second p99_ms].map { |what| [mean(with, what), mean(without, what)] }
      { value: rates.sum / PAIRS, floor: requests.last, ratio: requests.reduce(:fdiv), p99_ms: p99.first,
        p99_ratio: p99.reduce(:fdiv) }
    end

    def mean(loads, what) = loads.sum(&what) / loads.size

    # @return [Array(BusyHost::Load, Float)] the load's figures, and messages a second
    def beside(host, topic)
      host.consume(topic)
      host.load(SETTLE.ceil)
      host.seen
      load = host.load(SECONDS)
      batches = host.seen
      host.stop_consuming
      [load, rate(batches, load.began_at, load.ended_at)]
    end

    # With the host idle the pace must cost nothing: beside it, the same without a limit
    def idle
      # In turn: a broker gets faster with what it has done
      rates = Array.new(@options.runs) { [5, 100].map { |share| idle_rate(share) } }
      paced, free = rates.transpose.map { |runs| Figures.median(runs) }
      @reporter.add("backlog in an idle host", value: paced, unit: "msg/s", floor: free, ratio: paced / free,
                                               wanted: { ratio: 0.95.. })
    end

    def idle_rate(share)
      BusyHost.with(@servers, KARAFKA_EMBEDDED_HOST_SHARE: share.to_s) do |host|
        host.consume(backlog_topic)
        sleep(SETTLE)
        host.seen
        began = Figures.now
        sleep(2)
        rate(host.seen, began, Figures.now).tap { host.stop_consuming }
      end
    end

    # How long the pace takes to follow: down when requests begin, up when they end
    def adaptation
      BusyHost.with(@servers) do |host|
        host.consume(backlog_topic)
        sleep(SETTLE)
        host.seen
        sleep(SETTLE)
        load = host.load(2)
        sleep(SETTLE)
        report_adaptation(host.seen, load)
        host.stop_consuming
      end
    end

    def report_adaptation(batches, load)
      last = batches.last&.first.to_f
      raise Failure, "the backlog was over too soon" if last < load.ended_at + (SLICES * SLICE)

      full = rate(batches, load.began_at - 0.5, load.began_at)
      paced = rate(batches, load.ended_at - 1, load.ended_at)
      between = (full + paced) / 2
      down = followed(batches, load.began_at) { |rate| rate < between }
      up = followed(batches, load.ended_at) { |rate| rate > between }
      { "requests begin" => down, "requests end" => up }.each do |name, seconds|
        @reporter.add("adapted after #{name}", value: seconds * 1_000, unit: "ms", wanted: { value: ..ADAPTED_MS })
      end
    end

    # When the rate over a slice has followed, for good
    def followed(batches, since)
      slices = Array.new(SLICES) { |n| since + (n * SLICE) }
      late = slices.reverse.find { |at| !yield(rate(batches, at, at + SLICE)) }
      late ? late + SLICE - since : 0.0
    end

    def rate(batches, from, till)
      batches.sum { |at, count| at.between?(from, till) ? count : 0 } / (till - from)
    end

    def end_process(pid)
      Process.kill(:TERM, pid)
      Process.wait(pid)
    end
  end
end
