# frozen_string_literal: true

require_relative "support/base"
require_relative "support/host"

module Bench
  # RSS while gigabytes pass through one engine.
  class Memory < Base
    PARTITIONS = 4
    SIZE = 200
    PATIENCE = 600
    SAMPLE_EVERY = 0.05
    CASES = { "payloads untouched" => :Size, "payloads touched" => :Touch, "last 10,000 messages held" => :Hold }.freeze
    # The first share of the messages is for caches to fill; of the rest the first and the last quarter are compared.
    WARM_UP = 0.1
    QUARTERS = [WARM_UP..(WARM_UP + ((1 - WARM_UP) / 4)), (1 - ((1 - WARM_UP) / 4))..1].freeze

    def initialize(servers, options, reporter)
      super
      @messages = (options.gigabytes * 1e9 / SIZE).ceil
    end

    def run
      Tools.fill(@servers, topic, PARTITIONS, @messages)
      warm_up_broker
      CASES.select { |name, _| name.include?(@options.cases) }.each do |name, consumer|
        told = drain(consumer)
        @reporter.add("#{@options.gigabytes} GB, #{name}", value: told[:growth], unit: "% growth",
                                                           rss_mb: told[:rss_mb],
                                                           wanted: { value: -10.0..10.0, rss_mb: ..100 })
      end
    end

    private

    def topic = "bench-memory-#{@messages}"

    # How full librdkafka's queues are depends on who is quicker, the broker or the consumer, and a message in there
    # takes some hundred bytes beside its own. A broker whose JVM still compiles would fill them in the midst of a run.
    def warm_up_broker
      Tools.floor(@servers, topic, [PARTITIONS, @messages, 100], @options.floor)
    end

    def drain(consumer)
      Host.run do
        Host.load
        consumer = Consumers.const_get(consumer)
        consumer.told = progress = Progress.new(@messages)
        Host.draw(@servers, topic, consumer)
        samples = sampling(progress) { wait_for(progress) }
        { growth: growth(samples), rss_mb: Figures.peak_rss_mb }
      end
    end

    def wait_for(progress)
      Karafka::Embedded.start
      raise Failure, "not all messages came: #{Karafka::Embedded.health}" unless progress.wait(PATIENCE)
    end

    # @return [Array<Array(Float, Float)>] share of the messages that came, and RSS, at even intervals during the block
    def sampling(progress)
      samples = []
      sampler = Thread.new { loop { (samples << [progress.share, Figures.rss_mb]) && sleep(SAMPLE_EVERY) } }
      yield
      sampler.kill
      samples
    end

    # @return [Float] percent that RSS grew by between the quarters
    def growth(samples)
      first, last = QUARTERS.map do |quarter|
        rss = samples.filter_map { |share, megabytes| megabytes if quarter.cover?(share) }
        raise Failure, "too few samples: let more gigabytes pass" if rss.empty?

        rss.sum / rss.size
      end
      ((last / first) - 1) * 100.0
    end
  end
end
