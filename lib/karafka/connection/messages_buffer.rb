# frozen_string_literal: true

module Karafka
  module Connection
    # What a poll brought: `messages_buffer` of `connection.listener.fetch_loop.received`. A batch comes from one
    # partition, so there is one or none.
    class MessagesBuffer
      # @return [Integer] messages
      attr_reader :size

      # @param lease [Native::Lease, nil] nil when a poll brought nothing
      # @param topic [Routing::Topic, nil]
      def initialize(lease = nil, topic = nil)
        @lease = lease
        @topic = topic
        @size = lease ? lease.size : 0
        @polled_at = ::Process.clock_gettime(::Process::CLOCK_MONOTONIC, :float_millisecond)
      end

      # @yieldparam topic [String]
      # @yieldparam partition [Integer]
      # @yieldparam messages [Array<Messages::Message>]
      # @yieldparam eof [Boolean] does the batch end where the partition does
      # @yieldparam last_polled_at [Float] milliseconds of a clock that only goes forward
      def each
        yield(@topic.name, @lease.partition.partition, messages, @lease.eof?, @polled_at) if @lease
      end

      # @return [Boolean]
      def empty?
        size.zero?
      end

      # @return [Boolean]
      def present?
        !empty?
      end

      private

      def messages
        @messages ||= Messages::Origin.new(@lease.batch, @topic, @lease.partition.partition).to_ary
      end
    end
  end
end
