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
    # The first share of the way is for caches to fill; of the rest the first and the last quarter are compared.
    WARM_UP = 0.1

    def initialize(servers, options, reporter)
      super
      @messages = (options.gigabytes * 1e9 / SIZE).ceil
    end

    def run
      Tools.fill(@servers, topic, PARTITIONS, @messages)
      CASES.select { |name, _| name.include?(@options.cases) }.each do |name, consumer|
        told = drain(consumer)
        @reporter.add("#{@options.gigabytes} GB, #{name}", value: told[:growth], unit: "% growth",
                                                           rss_mb: told[:rss_mb],
                                                           wanted: { value: -10.0..10.0, rss_mb: ..100 })
      end
    end

    private

    def topic = "bench-memory-#{@messages}"

    def drain(consumer)
      Host.run do
        Host.load
        consumer = Consumers.const_get(consumer)
        consumer.told = progress = Progress.new(@messages)
        Host.draw(@servers, topic, consumer)
        samples = sampling { wait_for(progress) }
        { growth: growth(samples), rss_mb: Figures.peak_rss_mb }
      end
    end

    def wait_for(progress)
      Karafka::Embedded.start
      raise Failure, "not all messages came: #{Karafka::Embedded.health}" unless progress.wait(PATIENCE)
    end

    # @return [Array<Float>] RSS at even intervals while the block runs
    def sampling
      samples = []
      sampler = Thread.new { loop { (samples << Figures.rss_mb) && sleep(SAMPLE_EVERY) } }
      yield
      sampler.kill
      samples
    end

    def growth(samples)
      warm = samples.drop((samples.size * WARM_UP).ceil)
      quarter = [warm.size / 4, 1].max
      first, last = [warm.first(quarter), warm.last(quarter)].map { |part| part.sum / part.size }
      ((last / first) - 1) * 100.0
    end
  end
end
