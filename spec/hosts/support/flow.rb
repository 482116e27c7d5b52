# frozen_string_literal: true

# Messages that flow into a topic until somebody has seen enough, and at least as many as were asked for
class Flow
  SLICE_S = 0.02
  SLICES = 500
  private_constant :SLICE_S, :SLICES

  # @param topic [String]
  # @param total [Integer] at this pace it takes ten seconds
  def initialize(bootstrap, topic, total, partitions:)
    @bootstrap = bootstrap
    @topic = topic
    @total = total
    @partitions = partitions
    @sent = 0
    @enough = false
    @thread = Thread.new { run }
    @thread.report_on_exception = false
  end

  # @return [Integer]
  attr_reader :sent

  # Sends the rest at once
  # @return [Integer] how many were sent
  def finish
    @enough = true
    @thread.value
  end

  private

  def run
    Feed.open(@bootstrap) do |feed|
      until @enough
        send_slice(feed, @sent < @total ? [@total / SLICES, @partitions].max : @partitions)
        sleep(SLICE_S)
      end
      send_slice(feed, @total - @sent) while @sent < @total
    end
    @sent
  end

  # Some for each partition
  def send_slice(feed, count)
    share = (count / @partitions.to_f).ceil
    @partitions.times { |n| feed.send(@topic, Array.new(share, &:to_s), partition: n) }
    @sent += share * @partitions
  end
end
