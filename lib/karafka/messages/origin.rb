# frozen_string_literal: true

module Karafka
  module Messages
    # What the messages of a native batch have in common, and the batch as a lazy list of them.
    #
    # A thread that a consumer started may read it while the worker ends the job: what {#release} forgets is read once.
    #
    # @api private
    class Origin
      # @return [Native::Batch]
      attr_reader :batch
      # @return [String] name of the topic
      attr_reader :topic
      # @return [Integer]
      attr_reader :partition
      # @return [Routing::Features::Deserializers::Config]
      attr_reader :deserializers

      # @param batch [Native::Batch]
      # @param routing_topic [Routing::Topic]
      # @param partition [Integer]
      # @param scheduled_at [Integer] when the batch was ready, in microseconds since the epoch
      def initialize(batch, routing_topic, partition, scheduled_at: now)
        @batch = batch
        batch.origin = self
        @topic = routing_topic.name
        @deserializers = routing_topic.deserializers
        @partition = partition
        @scheduled_at = scheduled_at
      end

      # @return [Time] when the batch arrived in this process
      def received_at
        @received_at ||= Time.at(0, @batch.received_at_ms, :millisecond)
      end

      # @return [Integer]
      def size
        @batch.size
      end

      # @return [Boolean]
      def empty?
        @batch.size.zero?
      end

      # @return [Array<Message>] built once
      def to_ary
        @to_ary ||= build
      end

      # @return [Message, nil]
      def first
        list = @to_ary
        return list.first if list

        @first ||= single(0)
      end

      # @return [Message, nil]
      def last
        list = @to_ary
        return list.last if list
        return first if size == 1

        @last ||= single(size - 1)
      end

      # @return [BatchMetadata] made when asked for, frozen once a worker has begun
      def metadata
        @metadata ||= build_metadata
      end

      # The job is over. Messages that the application keeps stay; of the others the batch remains, from which they are
      # made again should somebody ask.
      def release
        @to_ary = @first = @last = nil
      end

      # A worker begins
      def process
        @processed_at = now
        return unless @metadata

        @metadata.processed_at = time(@processed_at)
        @metadata.freeze
      end

      private

      # A message that was handed out alone stays the one that is in the list
      def build
        first = @first
        last = @last
        messages = @batch.messages(Message)
        messages[0] = first if first
        messages[-1] = last if last
        messages
      end

      def single(index)
        @batch.message(Message, index) unless empty?
      end

      # Every batch has its times, and few of them are asked for: a Time takes as long to make as ten readings of the
      # clock.
      def now
        ::Process.clock_gettime(::Process::CLOCK_REALTIME, :microsecond)
      end

      def time(microseconds)
        Time.at(0, microseconds, :microsecond)
      end

      def build_metadata
        scheduled_at = time(@scheduled_at)
        metadata = BatchMetadata.new(
          size: size, first_offset: empty? ? -1001 : @batch.first_offset,
          last_offset: empty? ? -1001 : @batch.last_offset, deserializers: @deserializers, partition: @partition,
          topic: @topic, created_at: created_at(scheduled_at), scheduled_at: scheduled_at,
          processed_at: @processed_at && time(@processed_at)
        )
        @processed_at ? metadata.freeze : metadata
      end

      # The clock of who produced may be ahead of ours
      def created_at(scheduled_at)
        [last&.timestamp, scheduled_at].compact.min
      end
    end
  end
end
