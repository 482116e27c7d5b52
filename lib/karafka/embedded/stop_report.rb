# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # What a stop did, and what it had to leave.
    class StopReport
      # A job that ran when the stop was asked for
      # rubocop:disable Lint/StructNewOverride -- nobody asks a job for Enumerable#partition
      Job = Struct.new(:group, :topic, :partition, :job, :first_offset, :last_offset, :age_ms, keyword_init: true) do
        # rubocop:enable Lint/StructNewOverride
        # @return [String] `consume of orders/3, offsets 10..19, 1200 ms old`
        def to_s
          offsets = first_offset ? ", offsets #{first_offset}..#{last_offset}" : ""
          "#{job} of #{topic}/#{partition}#{offsets}, #{age_ms} ms old"
        end
      end

      # @return [Integer] milliseconds from the request to the end
      attr_reader :duration_ms
      # @return [Array<Job>] what still ran, and ended in time
      attr_reader :drained
      # @return [Array<Job>] what did not end in time; its messages are delivered again
      attr_reader :abandoned
      # @return [Array<String>] subscription groups that could not be left in time: the broker waits for their session
      attr_reader :groups_not_left
      # @return [Integer] native threads that did not end in time
      attr_reader :threads_left

      # @param data [Hash] as the engine tells it
      # @param threads_left [Integer]
      def initialize(data, threads_left: 0)
        @duration_ms = data.fetch("duration_ms")
        @drained = jobs(data.fetch("drained"))
        @abandoned = jobs(data.fetch("abandoned"))
        @groups_not_left = data.fetch("groups_not_left").freeze
        @threads_left = threads_left
        freeze
      end

      # @return [Boolean] was everything ended and left in time
      def clean?
        abandoned.empty? && groups_not_left.empty? && threads_left.zero?
      end

      # @return [Hash{Symbol => Object}]
      def to_h
        {
          clean: clean?, duration_ms: duration_ms, drained: drained.map(&:to_h), abandoned: abandoned.map(&:to_h),
          groups_not_left: groups_not_left, threads_left: threads_left
        }
      end

      # @return [String] one line
      def to_s
        parts = ["stopped in #{duration_ms} ms", "#{drained.size} jobs drained", "#{abandoned.size} abandoned"]
        parts << "abandoned: #{abandoned.join("; ")}" if abandoned.any?
        parts << "groups not left: #{groups_not_left.join(", ")}" if groups_not_left.any?
        parts << "#{threads_left} native threads left behind" unless threads_left.zero?
        parts.join(", ")
      end

      # Writes it down: a line for people, and where something was still at work the whole as JSON
      # @param logger [Logger]
      # @api private
      def log(logger)
        logger.info("Karafka::Embedded #{self}")
        logger.public_send(quiet? ? :debug : :info) { "Karafka::Embedded stop report #{JSON.generate(to_h)}" }
      end

      private

      def quiet?
        clean? && drained.empty?
      end

      def jobs(list)
        list.map { |job| Job.new(**job.transform_keys(&:to_sym)) }.freeze
      end
    end
  end
end
