# frozen_string_literal: true

# A Ruby thread that does nothing but look at the clock. Whoever keeps the GVL shows as a gap between two looks.
class StopwatchThread
  # What it saw while a block ran; times in milliseconds
  Reading = Struct.new(:took, :longest_gap, :looks, :result, keyword_init: true)

  # @return [Reading]
  def self.during(&block)
    new.during(&block)
  end

  def during
    looking = Thread.new { look until @done }
    Eventually.eventually("first look") { @looks.to_i.positive? }
    @longest_gap = 0
    looks = @looks
    began = now
    result = yield
    took = now - began
    Reading.new(took: took.round(1), longest_gap: @longest_gap.round(1), looks: @looks - looks, result: result)
  ensure
    @done = true
    looking.join
  end

  private

  def look
    time = now
    gap = time - (@last || time)
    @last = time
    @longest_gap = gap if @longest_gap && gap > @longest_gap
    @looks = @looks.to_i + 1
  end

  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC, :float_millisecond)
  end
end
