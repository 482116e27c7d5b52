# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # What the topic should look like on the cluster
      class Declaratives < Base
        # @!visibility private
        module Topic
          # @param active [Boolean] is the topic to be managed
          # @param partitions [Integer]
          # @param replication_factor [Integer]
          # @param details [Hash{Symbol => Object}] topic settings by their names on the broker
          # @return [Karafka::Declaratives::Topic] who declares first wins
          def config(active: true, partitions: 1, replication_factor: 1, **details)
            App.declaratives.repository.find_or_create(name).declare_from_route(
              active: active, partitions: partitions, replication_factor: replication_factor, details: details
            )
          end

          # @return [Karafka::Declaratives::Topic] what was declared, or what a topic is without it
          def declaratives
            App.declaratives.find_topic(name) || Karafka::Declaratives::Topic.new(name)
          end

          # @return [Boolean] is the topic to be managed
          def declaratives?
            declaratives.active?
          end

          # @return [Hash]
          def to_h
            super.merge(declaratives: declaratives.to_h).freeze
          end
        end
      end
    end
  end
end
