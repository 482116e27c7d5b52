# frozen_string_literal: true

module Karafka
  module Embedded
    # Finds every routed consumer before anything is consumed: a name that leads nowhere is an error at start, not at
    # the first message.
    #
    # @api private
    module ConsumerCheck
      # @param plan [Routing::EnginePlan]
      # @raise [Errors::InvalidConfigurationError] naming each that is missing
      def self.call(plan)
        problems = App.config.internal.code.enter { problems_of(plan) }
        raise Errors::InvalidConfigurationError, problems.to_h.to_s if problems.any?
      end

      def self.problems_of(plan)
        plan.subscription_groups.flat_map { |group| group.topics.filter_map { |topic| problem(group, topic) } }
      end
      private_class_method :problems_of

      def self.problem(group, topic)
        consumer = topic.consumer
        return if consumer.is_a?(Class) && consumer.method_defined?(:messages)

        [:"routes.#{group.consumer_group.id}.#{topic.name}.consumer", "#{consumer.inspect} is not a consumer class"]
      rescue NameError, ScriptError => e
        [:"routes.#{group.consumer_group.id}.#{topic.name}.consumer", "can't be found: #{e.message}"]
      end
      private_class_method :problem
    end
  end
end
