# frozen_string_literal: true

module Karafka
  module Routing
    # Finds topics among the routes
    module Router
      class << self
        # @param lookup [Hash{Symbol => Object}] one reader of a topic and its value: `name: "orders"`
        # @return [Topic, nil]
        def find_by(lookup)
          App.consumer_groups.each do |group|
            group.topics.each do |topic|
              return topic if lookup.all? { |reader, value| topic.public_send(reader) == value }
            end
          end
          nil
        end

        # @param name [String]
        # @return [Topic] the routed one, or one with nothing but the defaults
        def find_or_initialize_by_name(name)
          find_by(name: name) || virtual(name)
        end

        private

        def virtual(name)
          topic = Topic.new(name, ConsumerGroup.new(App.config.group_id, Builder.new))
          Proxy.new(topic, App.routes.defaults)
          topic
        end
      end
    end
  end
end
