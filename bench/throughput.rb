# frozen_string_literal: true

require_relative "support/base"
require_relative "support/host"

module Bench
  # A backlog, beside the floor: runs of both alternate, and the medians count.
  class Throughput < Base
    PATIENCE = 300
    RSS = { rss_mb: ..100 }.freeze
    UNLIMITED = %w[queued.max.messages.kbytes=65536 fetch.message.max.bytes=1048576 fetch.max.bytes=52428800].freeze
    # Few partitions are read through in a second, and the first tenths of it are no steady state
    FEW_PARTITIONS = 4
    # What a producer with Java's default puts into a batch
    SMALL_BATCH = 16_384
    # Of the loop in Ruby, as of a message's payload
    STRINGS = 1_000_000
    PAYLOAD_BYTES = 200
    Case = Struct.new(:name, :partitions, :consumer, :wanted, :backlog)
    CASES = [
      Case.new("1 partition, payload touched", 1, :Touch, { value: 1_200_000.., ratio: 0.6.., **RSS }),
      Case.new("1 partition, size only", 1, :Size, { ratio: 0.9.., **RSS }),
      Case.new("4 partitions, each batch marked", 4, :MarkLast, { ratio: 0.5.., **RSS }),
      Case.new("4 partitions, each message marked", 4, :MarkEach, { ratio: 0.5.., **RSS }),
      Case.new("500 partitions, payload touched", 500, :Touch, { ratio: 0.5.., **RSS }),
      Case.new("1 of 16 partitions, payload touched", 16, :Touch, { value: 1_000_000.., **RSS }, "0..1"),
      Case.new("1 of 100 partitions, payload touched", 100, :Touch, { value: 500_000.., **RSS }, "0..1")
    ].freeze

    def run
      cases = CASES.select { |one| one.name.include?(@options.cases) }
      cases.uniq { |one| topic(one) }.each { |one| fill(one) }
      cases.product(@options.max_messages) { |one, max_messages| compare(one, max_messages) }
    end

    private

    def messages(one) = @options.messages * (one.partitions <= FEW_PARTITIONS ? 2 : 1)

    def topic(one) = "bench-#{one.backlog ? "skewed" : "backlog"}-#{one.partitions}-#{messages(one)}"

    def fill(one)
      return Tools.fill(@servers, topic(one), one.partitions, messages(one)) unless one.backlog

      # Its partitions have to be there
      Tools.fill(@servers, topic(one), one.partitions, 1)
      Tools.fill(@servers, topic(one), one.backlog, messages(one), batch_bytes: SMALL_BATCH)
    end

    # Runs in turn: the floor with the engine's settings, the floor with librdkafka's own limits of memory (what the
    # engine's limits cost), and the engine. Between them, what Ruby takes at this moment for strings alone.
    def compare(one, max_messages)
      strings = []
      rounds = Array.new(@options.runs) do
        strings << Host.run { strings_us(max_messages) }
        [floor(one, max_messages, @options.floor), floor(one, max_messages, UNLIMITED), ours(one, max_messages)]
      end
      floor, unlimited, ours = rounds.transpose.map { |runs| Figures.median(runs.map { |run| rate(run) }) }
      runs = rounds.map(&:last)
      @reporter.add(
        "#{one.name}, max_messages #{max_messages}",
        value: ours, unit: "msg/s", floor: floor, ratio: ours / floor, unlimited_floor: unlimited, wanted: one.wanted,
        cpu_us: Figures.median(runs.map { |run| run[:cpu_seconds] / run[:messages] * 1e6 }),
        strings_us: Figures.median(strings),
        rss_mb: runs.map { |run| run[:rss_mb] }.max
      )
    end

    def rate(run) = run[:messages] / run[:seconds]

    # What no consumer in Ruby can do without: a string for each payload, and a look at it
    def strings_us(batch_size)
      source = "x" * (2 * PAYLOAD_BYTES)
      began = Figures.cpu
      (STRINGS / batch_size).times do
        Array.new(batch_size) { source.byteslice(0, PAYLOAD_BYTES) }.each { |payload| payload.bytesize } # rubocop:disable Style/SymbolProc -- as a consumer does
      end
      (Figures.cpu - began) / STRINGS * 1e6
    end

    def floor(one, batch_size, settings)
      Tools.floor(@servers, topic(one), [one.partitions, messages(one), batch_size], settings)
    end

    def ours(one, max_messages)
      Host.run do
        Host.load
        consumer = Consumers.const_get(one.consumer)
        consumer.told = progress = Progress.new(messages(one))
        Host.draw(@servers, topic(one), consumer, max_messages: max_messages)
        Karafka::Embedded.start
        raise Failure, "not all messages came: #{Karafka::Embedded.health}" unless progress.wait(PATIENCE)

        progress.to_h.tap { Karafka::Embedded.stop }
      end
    end
  end
end
