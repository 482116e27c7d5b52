# frozen_string_literal: true

require "json"

module Demo
  # What became of orders, by the journal that the consumers wrote. Orders of others are none of its business.
  class Audit
    # @param ids [Array<String>] orders that were taken
    # @param journal_path [String]
    def initialize(ids, journal_path)
      @ids = ids
      @entries = entries(journal_path).select { |entry| wanted.include?(entry["id"]) }
    end

    # @return [Integer] how often an order was filled, whichever
    def filled
      @entries.size
    end

    # @return [Array<String>] ids of orders that nobody filled
    def missing
      @ids - @entries.map { |entry| entry["id"] }
    end

    # @return [Array<String>] ids of orders that were filled more than once
    def repeated
      @entries.map { |entry| entry["id"] }.tally.select { |_, times| times > 1 }.keys
    end

    # @return [Boolean]
    def exactly_once?
      missing.empty? && repeated.empty? && filled == @ids.size
    end

    # @return [Hash{Integer => Integer}] how many each process filled
    def by_process
      @entries.map { |entry| entry["process_id"] }.tally
    end

    # @param share [Float] 0.5 for the median
    # @return [Float, nil] milliseconds from the request to the consumer
    def latency_ms(share)
      sorted = @entries.map { |entry| entry["filled_at"] - entry["placed_at"] }.sort
      sorted[(share * (sorted.size - 1)).round] unless sorted.empty?
    end

    private

    def wanted
      @wanted ||= @ids.to_h { |id| [id, true] }
    end

    # The last line may still be on its way
    def entries(path)
      return [] unless File.exist?(path)

      File.read(path, encoding: "UTF-8")[/.*\n/m].to_s.each_line.map { |line| JSON.parse(line) }
    end
  end
end
