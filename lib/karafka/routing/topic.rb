# frozen_string_literal: true

module Karafka
  module Routing
    # A topic of a consumer group and how it is consumed.
    #
    # What the route does not say comes from the settings at the time it is asked for. Features add to this class.
    class Topic
      # Enough for any maximum
      LARGEST_EXPONENT = 32
      private_constant :LARGEST_EXPONENT

      # When a partition waits after an error, in ms
      Pause = Struct.new(:active, :timeout, :max_timeout, :with_exponential_backoff, keyword_init: true) do
        alias_method :active?, :active
        alias_method :with_exponential_backoff?, :with_exponential_backoff

        # @param attempt [Integer] that failed, from 1
        # @return [Integer] ms until the next. The first exponential one is doubled already, as users know it.
        def backoff(attempt)
          [with_exponential_backoff ? timeout * (2**[attempt, LARGEST_EXPONENT].min) : timeout, max_timeout].min
        end
      end

      # Settings that have their default in the application's
      INHERITED = %i[max_messages max_wait_time initial_offset consumer_persistence].freeze
      private_constant :INHERITED

      # @return [String] unique over all groups
      attr_reader :id
      # @return [String]
      attr_reader :name
      # @return [ConsumerGroup]
      attr_reader :consumer_group
      # @return [SubscriptionGroup, nil] nil until routes are drawn
      attr_accessor :subscription_group
      # @return [Hash] `name:` of the subscription group
      attr_accessor :subscription_group_details

      alias group consumer_group

      attr_writer :consumer, *INHERITED

      # @param name [String, Symbol]
      # @param consumer_group [ConsumerGroup]
      def initialize(name, consumer_group)
        @name = name.to_s
        @consumer_group = consumer_group
        @id = "#{consumer_group.id}_#{@name}"
        @subscription_group_details = nil
      end

      INHERITED.each do |setting|
        variable = :"@#{setting}"
        define_method(setting) do
          instance_variable_defined?(variable) ? instance_variable_get(variable) : App.config.public_send(setting)
        end
      end

      # @return [Boolean] does this topic gather messages for `max_wait_time`: did anybody ask for it
      # @api private
      def max_wait_time_set?
        instance_variable_defined?(:@max_wait_time) || App.config.set_by_user?(:max_wait_time)
      end

      # @return [Class, nil] the consumer. A name is resolved when asked for, and so is a class where code reloads, or
      #   without persistence: its constant may have been loaded anew.
      # @raise [NameError] when there is no such class
      def consumer
        return @consumer if @consumer.nil? || (@consumer.is_a?(Class) && (lasting? || @consumer.name.nil?))

        Object.const_get(@consumer.to_s)
      end

      alias consumer_class consumer

      # @return [Class, String, nil] the consumer as the route has it, unresolved
      # @api private
      def consumer_reference
        @consumer
      end

      # Settings for librdkafka
      # @param settings [Hash] in the place of the application's
      # @param inherit [Boolean] on top of the application's
      def kafka=(settings = nil, inherit: false, **named)
        given = settings ? settings.merge(named) : named
        inherit = given[:inherit] if given.key?(:inherit)
        given = given.except(:inherit)
        @kafka = inherit ? App.config.kafka.merge(given) : given
      end

      # @return [Hash{Symbol => Object}]
      def kafka
        @kafka ||= App.config.kafka.dup
      end

      # @return [String] name of the subscription group
      def subscription_name
        subscription_group_details.fetch(:name)
      end

      # @return [Pause]
      def pause
        pause = App.config.pause
        Pause.new(active: false, timeout: pause.timeout, max_timeout: pause.max_timeout,
                  with_exponential_backoff: pause.with_exponential_backoff)
      end

      # @return [Hash{Symbol => Object}] secrets included
      def to_h
        {
          id: id, name: name, consumer: @consumer, kafka: kafka, max_messages: max_messages,
          max_wait_time: max_wait_time, initial_offset: initial_offset, consumer_persistence: consumer_persistence,
          consumer_group_id: consumer_group.id, subscription_group_details: subscription_group_details,
          pause: pause.to_h
        }.freeze
      end

      # @return [String] without settings: there are passwords among them
      def inspect
        "#<#{self.class} id=#{id} consumer=#{@consumer}>"
      end

      private

      def lasting?
        consumer_persistence && !App.config.internal.code.reloads?
      end
    end
  end
end
