# frozen_string_literal: true

require "fileutils"
require "securerandom"
require_relative "audit"
require_relative "clock"
require_relative "customers"
require_relative "real_kafka"
require_relative "shop_process"

module Demo
  # bin/demo --check: the shop without hands
  class Check
    ORDERS = 1_000
    PARTITIONS = 4
    FILL_S = 60
    DIRECTORY = File.expand_path("../../../tmp/demo", __dir__)
    private_constant :PARTITIONS, :FILL_S, :DIRECTORY

    # @param workers [Integer] worker processes of Puma, 0 for single mode
    # @param out [IO]
    def initialize(workers: Integer(ENV.fetch("WEB_CONCURRENCY", 0)), out: $stdout)
      @workers = workers
      @out = out
      # A run of its own: others on the same Kafka, or in the same checkout, don't meet it.
      @run = "shop-check-#{SecureRandom.hex(4)}"
      @problems = []
    end

    # @return [Integer] exit code
    def run
      prepare
      boot
      trade
      close
      conclude
    rescue ShopProcess::Died, Customers::Refused, Late, SystemCallError, SocketError, IOError,
           Timeout::Error => e
      @problems << "#{e.class}: #{e.message}"
      conclude
    ensure
      @shop&.put_down
    end

    private

    def prepare
      servers = ENV.fetch("KAFKA_BOOTSTRAP_SERVERS", nil)
      topic = ENV.fetch("SHOP_TOPIC", @run)
      @partitions = servers && !RealKafka.create_topic(servers, topic, PARTITIONS) ? 1 : PARTITIONS
      say "broker", servers || "embedded"
      say "puma", @workers.zero? ? "single mode" : "cluster mode, #{@workers} workers"
      @shop = ShopProcess.new(File.join(DIRECTORY, @run), workers: @workers,
                                                          environment: { "SHOP_TOPIC" => topic, "SHOP_GROUP" => @run })
    end

    def boot
      _, took = Clock.time { @shop.start(partitions: @partitions) }
      say "booted", format("%<url>s, consuming after %<took>.1f s", url: @shop.url, took: took)
      %w[/ /shop.css /shop.js /karafka/status].each do |path|
        code = @shop.get(path).code
        @problems << "GET #{path} answered #{code}" unless code == "200"
      end
    end

    def trade
      @ids, took = Clock.time { Customers.new(@shop).place(ORDERS) }
      say "placed", format("%<count>d orders in %<took>.2f s: %<rate>.0f orders/s",
                           count: @ids.size, took: took, rate: @ids.size / took)
      Clock.await("all orders filled", within: FILL_S) { audit.missing.empty? }
    rescue Late => e
      @problems << e.message # How many are missing is counted after the stop.
    end

    def close
      status, took = Clock.time { @shop.stop }
      say "stopped", format("%<took>.2f s from TERM to the end of Puma", took: took)
      @shop.reports.each { |report| say "report", report_line(report) }
      judge_end(status)
    end

    # Puma ends by the signal it was sent, unless it is told to exit instead
    def judge_end(status)
      @problems << "Puma ended with #{status}" unless status.success? || status.termsig == Signal.list["TERM"]
      reports = @shop.reports
      unless reports.size == @shop.processes_wanted && reports.all?(&:clean?)
        @problems << "#{reports.count(&:clean?)} clean stop reports of #{@shop.processes_wanted}"
      end
      left = @shop.processes
      @problems << "processes were left behind: #{left.join(", ")}" if left.any?
    end

    def report_line(report)
      "process #{report.process_id}: #{report.duration_ms} ms, #{report.drained} jobs drained, " \
        "#{report.abandoned} abandoned#{report.remark}"
    end

    def conclude
      judge_orders if @ids
      @problems.each { |problem| say "problem", problem }
      if @problems.empty?
        say "result", "ok: every order was filled exactly once, and Puma ended cleanly"
        FileUtils.rm_rf(@shop.directory)
        return 0
      end
      say "result", "FAILED#{"; #{@shop.directory} has Puma's log and the journal" if @shop}"
      1
    end

    # After the stop, when nobody writes any more
    def judge_orders
      result = audit
      say "filled", "#{result.filled} of #{@ids.size}, by process #{by_process(result)}"
      unless result.exactly_once?
        @problems << "#{result.missing.size} orders are missing, #{result.repeated.size} were filled more than once"
      end
      return if result.filled.zero?

      say "latency", format("p50 %<p50>.1f ms, p99 %<p99>.1f ms from the request to the consumer",
                            p50: result.latency_ms(0.5), p99: result.latency_ms(0.99))
    end

    def by_process(result)
      result.by_process.map { |process_id, count| "#{process_id}: #{count}" }.join(", ")
    end

    def audit
      Audit.new(@ids, @shop.journal_path)
    end

    def say(what, text)
      @out.puts(format("%-8<what>s %<text>s", what: what, text: text))
      @out.flush
    end
  end
end
