# frozen_string_literal: true

require "set"

# What one process had consumed when it ended: the file that spec/support/programs/journal.rb writes
class Journal
  # `stint` tells one assignment of a partition from the next
  Entry = Struct.new(:number, :offset, :at_ms, :stint) do
    # @return [Array(Integer, Integer)] partition and offset: what names the message
    def place
      [number, offset]
    end
  end

  # @return [String]
  attr_reader :path

  # @param path [String] need not exist yet
  def initialize(path)
    @path = path
    @entries = []
    @read_bytes = 0
  end

  # @return [Array<Entry>] so far. A line that a kill cut short stands for a message that was not consumed.
  def entries
    fresh = File.exist?(path) ? File.read(path, nil, @read_bytes).to_s : ""
    fresh = fresh[0..(fresh.rindex("\n") || -1)] if fresh.include?("\n")
    return @entries unless fresh.end_with?("\n")

    @read_bytes += fresh.bytesize
    @entries.concat(fresh.lines.map { |line| Entry.new(*line.split.map(&:to_i)) })
  end

  # @param milliseconds [Integer]
  # @return [Integer] how many messages were consumed in so much time before the last one
  def count_in_last(milliseconds)
    last = entries.map(&:at_ms).max or return 0
    entries.count { |entry| entry.at_ms > last - milliseconds }
  end
end
