# frozen_string_literal: true

require "optparse"
require_relative "broker"
require_relative "figures"
require_relative "reporter"
require_relative "tools"

module Bench
  # The command line of bin/bench: parses, builds, finds a broker, runs a bench and prints what it found.
  class CLI
    BENCHES = {
      "throughput" => :Throughput, "latency" => :Latency, "isolation" => :Isolation, "lifecycle" => :Lifecycle,
      "memory" => :Memory, "stall" => :Stall, "host" => :HostShare
    }.freeze
    USAGE = <<~TEXT
      Usage: bin/bench BENCH [options]

        throughput    a backlog, beside a bare loop over rd_kafka_consume_batch_queue on the same topic
        latency       lone messages from send to consume
        isolation     other partitions' latency beside one that takes half a second a message
        lifecycle     start, stop, and what an idle engine costs
        memory        RSS while gigabytes pass through
        host          what consumers take of a Puma that is busy with requests
        stall         how long native calls keep a counting Ruby thread from running

      KAFKA_BOOTSTRAP_SERVERS names a broker; else one is started, and stopped after.

    TEXT

    # Ruby's just-in-time compiler, with as much memory for machine code as it uses: Ruby 3.1 takes all of it at once
    JIT = %w[--yjit --yjit-exec-mem-size=16].freeze
    # What a bench is told; `floor` are settings of librdkafka for the floor, as NAME=VALUE
    Options = Struct.new(:json, :messages, :runs, :max_messages, :cases, :gigabytes, :floor, :build, keyword_init: true)

    def initialize
      @jit = false
      @options = Options.new(json: false, messages: 5_000_000, runs: 5, max_messages: [100, 1_000], cases: "",
                             gigabytes: 5.0, floor: [], build: true)
    end

    # @return [Integer] the exit code
    def run(argv)
      names = parser.parse(argv)
      return usage(names) unless names.one? && BENCHES.key?(names.first)

      compile_just_in_time(argv) if @jit && !Figures.jit?
      measure(names.first)
      0
    rescue OptionParser::ParseError, Failure => e
      warn "bin/bench: #{e.message}"
      2
    end

    private

    def usage(names)
      warn USAGE, parser.summarize
      names.first == "help" ? 0 : 2
    end

    # Begins anew: Ruby 3.1 and 3.2 are told when they start
    # @raise [Failure] where Ruby was built without: some only warn of it, and run on
    def compile_just_in_time(argv)
      compiles = system(RbConfig.ruby, *JIT, "-e", "exit RubyVM::YJIT.enabled?", err: File::NULL)
      raise Failure, "this Ruby was built without YJIT" unless compiles

      exec(RbConfig.ruby, *JIT, $PROGRAM_NAME, *argv)
    end

    def measure(name)
      @options.build ? Tools.build : Tools.expect_release
      require_relative "../#{name}"
      reporter = Reporter.new(name, json: @options.json)
      Broker.with { |servers| Bench.const_get(BENCHES.fetch(name)).new(servers, @options, reporter).run }
      reporter.finish
    end

    def parser
      @parser ||= OptionParser.new do |on|
        on.on("--json", "one JSON object a line") { @options.json = true }
        on.on("--messages N", Integer, "throughput: messages, of few partitions twice") { |n| @options.messages = n }
        on.on("--runs N", Integer, "medians are of so many runs") { |n| @options.runs = n }
        on.on("--max-messages N,N", Array, "throughput: sizes of a batch") { |n| @options.max_messages = n.map(&:to_i) }
        on.on("--cases TEXT", "throughput, memory, host: cases whose name has this") { |text| @options.cases = text }
        on.on("--gigabytes N", Float, "memory: how much passes through") { |n| @options.gigabytes = n }
        on.on("--floor NAME=VALUE", "throughput: a librdkafka setting for the floor") { |set| @options.floor << set }
        on.on("--yjit", "with Ruby's just-in-time compiler") { @jit = true }
        on.on("--no-build", "measure the release build that is there") { @options.build = false }
      end
    end
  end
end
