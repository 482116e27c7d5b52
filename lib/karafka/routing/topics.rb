# frozen_string_literal: true

module Karafka
  module Routing
    # Topics of a group
    class Topics
      include Enumerable

      # @param topics [Array<Topic>]
      def initialize(topics)
        @topics = topics.dup
      end

      # @yieldparam topic [Topic]
      def each(&block)
        @topics.each(&block)
      end

      # @param name [String, Symbol]
      # @return [Topic]
      # @raise [Errors::TopicNotFoundError]
      def find(name)
        name = name.to_s
        @topics.find { |topic| topic.name == name } || raise(Errors::TopicNotFoundError, name)
      end

      # @param topic [Topic]
      # @return [Topics] itself
      def <<(topic)
        @topics << topic
        self
      end

      # @param index [Integer]
      # @return [Topic, nil]
      def [](index)
        @topics[index]
      end

      # @return [Integer]
      def size
        @topics.size
      end

      # @return [Boolean]
      def empty?
        @topics.empty?
      end

      # @return [Topic, nil]
      def last
        @topics.last
      end

      # Drops topics
      # @api private
      def delete_if(&block)
        @topics.delete_if(&block)
      end
    end
  end
end
