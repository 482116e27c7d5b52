# frozen_string_literal: true

# What several processes consumed of one topic, from their journals: what is missing, and who left work to be repeated
class Ledger
  # @param partitions [Integer]
  # @param size [Integer] messages of each
  def initialize(partitions:, size:)
    @total = partitions * size
    @seen = Array.new(partitions) { "\0" * size }
    @read = Hash.new(0)
    @count = 0
  end

  # @return [Integer] how many messages were consumed by somebody
  attr_reader :count

  # Reads what is new
  # @param journals [Array<Journal>]
  # @return [Boolean] was every message consumed by somebody
  def complete?(journals)
    journals.each do |journal|
      entries = journal.entries
      (@read[journal]...entries.size).each { |index| note(entries[index]) }
      @read[journal] = entries.size
    end
    @count == @total
  end

  class << self
    # @param journals [Array<Journal>]
    # @return [Hash{Journal => Integer}] how much each had consumed that somebody consumed again
    def repeats(journals)
      owners = {}
      told = journals.flat_map { |journal| journal.entries.map { |entry| [entry, journal] } }
      told.sort_by { |entry, _| entry.at_ms }.each_with_object(Hash.new(0)) do |(entry, journal), repeats|
        former = owners[entry.place]
        repeats[former] += 1 if former
        owners[entry.place] = journal
      end
    end

    # @param journal [Journal]
    # @return [Array<Array>] partition and stint where an offset did not follow a smaller one
    def disordered(journal)
      stints = journal.entries.group_by { |entry| [entry.number, entry.stint] }
      stints.reject { |_, entries| entries.each_cons(2).all? { |one, next_one| one.offset < next_one.offset } }.keys
    end
  end

  private

  def note(entry)
    seen = @seen.fetch(entry.number)
    return unless seen.getbyte(entry.offset).zero?

    seen.setbyte(entry.offset, 1)
    @count += 1
  end
end
