# frozen_string_literal: true

require "digest"

module Karafka
  module Routing
    # The routes: an Array of consumer groups with the DSL on top
    # @example
    #   Karafka::App.routes.draw do
    #     topic(:orders) { consumer OrdersConsumer }
    #     consumer_group(:reports) { topic(:visits) { consumer VisitsConsumer } }
    #   end
    class Builder < Array
      EMPTY_DEFAULTS = proc {}
      private_constant :EMPTY_DEFAULTS

      def initialize
        super
        forget
      end

      # Adds routes; may be called many times
      # @yield the DSL
      # @raise [Errors::InvalidConfigurationError] when anything drawn so far is wrong; it stays drawn
      def draw(&block)
        instance_eval(&block) if block
        validate!
        each(&:build_subscription_groups)
        self
      end

      # Draws in the place of what was drawn; defaults stay
      # @yield the DSL
      def redraw(&block)
        defaults = @defaults
        clear
        @defaults = defaults
        draw(&block)
      end

      # Forgets routes and defaults
      def clear
        App.declaratives.repository.clear_routed
        forget
        super
      end

      # @return [Array<ConsumerGroup>] those with something to consume
      def active
        select(&:active?)
      end

      # @yield options for every topic drawn from here on, evaluated after its own
      # @return [Proc] what was given last
      def defaults(&block)
        return @defaults unless block

        @defaults = block
      end

      # @param name [String, Symbol] a new group, or one to add to
      # @yield its topics
      def consumer_group(name, &block)
        group = find { |other| other.id == name.to_s }
        push(group = ConsumerGroup.new(name, self)) unless group
        Proxy.new(group, &block)
        group
      end

      # A topic of the default group
      # @param name [String, Symbol]
      # @yield its options
      def topic(name, &block)
        consumer_group(App.config.group_id) { topic(name, &block) }
      end

      # A subscription group of the default group
      # @param name [String, Symbol, nil]
      # @yield its topics
      def subscription_group(name = nil, &block)
        consumer_group(App.config.group_id) { subscription_group(*[name].compact, &block) }
      end

      # @return [String] a name that is the same each time the same routes are drawn
      # @api private
      def next_subscription_group_name
        @generated_names += 1
        Digest::SHA256.hexdigest(@generated_names.to_s)[0..11]
      end

      # A subscription group keeps its place while others are added: static members are named after it.
      # @param key [Array] what makes it the same one
      # @return [Integer]
      # @api private
      def position_of(key)
        @positions[key] ||= @positions.size
      end

      # @return [String]
      def inspect
        "#<#{self.class} #{map(&:id)}>"
      end

      private

      def forget
        @defaults = EMPTY_DEFAULTS
        @generated_names = 0
        @positions = {}
      end

      def validate!
        each do |group|
          Contracts::ConsumerGroup.new.validate_group!(group)
          group.topics.each { |topic| Contracts::Topic.new.validate_topic!(topic) }
        end
        Contracts::Routing.new.validate_routes!(self)
      end
    end
  end
end
