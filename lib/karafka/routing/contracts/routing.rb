# frozen_string_literal: true

module Karafka
  module Routing
    module Contracts
      # What all routes together have to look like
      #
      # @api private
      class Routing < Core::Contractable::Contract
        UNDECLARED = "lacks explicit declarative topics definition"
        private_constant :UNDECLARED

        virtual do |data, _|
          next unless App.config.strict_declarative_topics

          data[:topics].flat_map { |topic| names_of(topic) }.uniq.filter_map do |name|
            [[:topics, name], UNDECLARED] unless App.declaratives.find_topic(name)&.declared?
          end
        end

        # @param routes [Routing::Builder]
        # @raise [Errors::InvalidConfigurationError]
        def validate_routes!(routes)
          topics = routes.flat_map { |group| group.topics.to_a }
          validate!({ topics: topics }, Errors::InvalidConfigurationError, scope: ["routes"])
        end

        private

        def names_of(topic)
          topic.dead_letter_queue? ? [topic.name, topic.dead_letter_queue.topic] : [topic.name]
        end
      end
    end
  end
end
