# frozen_string_literal: true

module Karafka
  module Declaratives
    # The DSL: `Karafka::App.declaratives.draw`
    # @example
    #   Karafka::App.declaratives.draw do
    #     defaults { replication_factor 3 }
    #     topic(:orders) { partitions 6 }
    #   end
    class Builder
      # @return [Repository]
      attr_reader :repository

      def initialize
        @repository = Repository.new
        @defaults = nil
      end

      # @yield the DSL
      def draw(&block)
        instance_eval(&block) if block
        self
      end

      # @yield what each topic starts with
      def defaults(&block)
        @defaults = block if block
      end

      # @param name [String, Symbol]
      # @yield its attributes
      # @return [Topic]
      def topic(name, &block)
        topic = repository.find_or_create(name)
        topic.instance_eval(&@defaults) if @defaults && !topic.declared?
        topic.instance_eval(&block) if block
        topic.declare
      end

      # @return [Array<Topic>]
      def topics
        repository.to_a
      end

      # @param name [String, Symbol]
      # @return [Topic, nil]
      def find_topic(name)
        repository.find(name)
      end

      # Forgets all
      def clear
        @defaults = nil
        repository.clear
      end
    end
  end
end
