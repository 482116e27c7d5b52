# frozen_string_literal: true

require_relative "behaviours/hooks"
require_relative "behaviours/offsets"
require_relative "behaviours/pauses"
require_relative "behaviours/seeks"
require_relative "behaviours/dead_letters"
require_relative "behaviours/independent_dead_letters"
require_relative "behaviours/insights"

module Karafka
  module Processing
    # What a consumer can do, a module for each. They are here and not in {BaseConsumer}, and define no constants,
    # because constants of either would hide an application's own of the same name inside of its consumers.
    module Behaviours
      class << self
        # @param topic [Routing::Topic]
        # @return [Array<Module>] what consumers of this topic can do beyond what all of them can
        # @api private
        def of(topic)
          found = []
          found << DeadLetters if topic.dead_letter_queue?
          found << IndependentDeadLetters if topic.dead_letter_queue? && topic.dead_letter_queue.independent?
          found << Insights if topic.inline_insights?
          found.freeze
        end
      end
    end
  end
end
