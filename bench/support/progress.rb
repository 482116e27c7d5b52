# frozen_string_literal: true

require_relative "figures"

module Bench
  # How far the consumers of a backlog are, and the clocks at its first and its last message
  class Progress
    # @param wanted [Integer] messages
    def initialize(wanted)
      @wanted = wanted
      @count = 0
      @held = []
      @place = 0
      @mutex = Mutex.new
      @done = ConditionVariable.new
    end

    # A batch begins
    def begin
      @began || @mutex.synchronize { @began ||= clocks }
    end

    # A batch is done
    def add(messages)
      @mutex.synchronize do
        @count += messages
        next if @count < @wanted

        @ended ||= clocks
        @done.signal
      end
    end

    # Keeps messages, at most so many of the last: in a ring, as an Array that is shifted and appended to is copied each
    # time, which for 10,000 messages is more memory a batch than the batch
    def hold(messages, most)
      @mutex.synchronize do
        messages.each do |message|
          @held[@place] = message
          @place = (@place + 1) % most
        end
      end
    end

    # @return [Float] share of the wanted messages that came
    def share = @count.fdiv(@wanted)

    # @param patience [Numeric] longest wait in seconds
    # @return [Boolean] was everything there in time
    def wait(patience)
      deadline = Figures.now + patience
      @mutex.synchronize do
        @done.wait(@mutex, 1) until @ended || Figures.now > deadline
        !@ended.nil?
      end
    end

    # @return [Float, nil] when the first batch began, by the monotonic clock
    def began_at = @began&.first

    # @return [Hash{Symbol => Numeric}]
    def to_h
      seconds, cpu_seconds = @ended.zip(@began).map { |ended, began| ended - began }
      { messages: @count, seconds: seconds, cpu_seconds: cpu_seconds, rss_mb: Figures.peak_rss_mb }
    end

    private

    def clocks = [Figures.now, Figures.cpu]
  end
end
