# frozen_string_literal: true

require "json"

module Shop
  # The orders that were filled, a line of JSON each. All processes of the shop write it and read it: a write appends
  # whole lines at once, so none of them gets in between.
  class Journal
    # How many orders the page shows
    SHOWN = 14
    # Over how many the latency is told
    MEASURED = 1_000

    # @return [String]
    attr_reader :path

    # @param path [String]
    def initialize(path)
      @path = path
      @mutex = Mutex.new
      @position = 0
      @count = 0
      @recent = []
    end

    # @param orders [Array<Hash>]
    def append(orders)
      lines = orders.map { |order| "#{JSON.generate(order)}\n" }.join
      File.open(path, "a") { |file| file.syswrite(lines) }
    end

    # @return [Hash{Symbol => Object}] :count, :latest (newest first), :latency_ms (:p50, :p99; nil without orders)
    def summary
      @mutex.synchronize do
        read_on
        { count: @count, latest: @recent.last(SHOWN).reverse, latency_ms: latency }
      end
    end

    private

    # What others wrote since the last look; the last line may still be on its way
    def read_on
      return unless File.exist?(path)

      lines = File.binread(path, nil, @position).to_s[/.*\n/m].to_s
      @position += lines.bytesize
      orders = lines.each_line.map { |line| JSON.parse(line) }
      @count += orders.size
      @recent = (@recent + orders).last(MEASURED)
    end

    def latency
      return if @recent.empty?

      sorted = @recent.map { |order| order["filled_at"] - order["placed_at"] }.sort
      { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) }
    end

    def percentile(sorted, share)
      sorted[(share * (sorted.size - 1)).round].round(1)
    end
  end
end
