# frozen_string_literal: true

module Karafka
  module Declaratives
    # All declarations, by topic name
    class Repository
      include Enumerable

      def initialize
        @topics = {}
      end

      # @param name [String, Symbol]
      # @return [Topic]
      def find_or_create(name)
        @topics[name.to_s] ||= Topic.new(name)
      end

      # @param name [String, Symbol]
      # @return [Topic, nil]
      def find(name)
        @topics[name.to_s]
      end

      # @return [Array<Topic>] those to be managed
      def active
        @topics.values.select(&:active?)
      end

      # @yieldparam topic [Topic]
      def each(&block)
        @topics.each_value(&block)
      end

      # @return [Integer]
      def size
        @topics.size
      end

      # @return [Boolean]
      def empty?
        @topics.empty?
      end

      # Forgets what routes declared, as when they are drawn anew
      # @api private
      def clear_routed
        @topics.delete_if { |_, topic| topic.routed? }
      end

      # Forgets all
      def clear
        @topics.clear
      end
    end
  end
end
