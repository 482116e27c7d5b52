# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # Statistics of a group as subscribers get them: one frozen Hash. Those of hundreds of partitions take tens of
    # milliseconds to make, in which no other Ruby thread would run: so they come in parts, and others have their turn
    # between two.
    #
    # @api private
    module StatisticsDocument
      # @param frame [String] JSON: all but the partitions
      # @param parts [Array<String>] JSON: some partitions of a topic each
      # @return [Hash{String => Object}]
      def self.call(frame, parts)
        document = JSON.parse(frame)
        parts.each do |json|
          Thread.pass
          part = JSON.parse(json, freeze: true)
          document["topics"][part["topic"]]["partitions"].update(part["partitions"])
        end
        freeze_all(document)
      end

      # What is frozen was parsed so, with all that is in it
      def self.freeze_all(hash)
        hash.each_value { |value| freeze_all(value) if value.is_a?(Hash) && !value.frozen? }
        hash.freeze
      end
      private_class_method :freeze_all
    end
  end
end
