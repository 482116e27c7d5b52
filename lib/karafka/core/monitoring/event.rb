# frozen_string_literal: true

module Karafka
  module Core
    module Monitoring
      # What a subscriber receives
      class Event
        # @return [String] id of the event
        attr_reader :id
        # @return [Hash] what the event carries, with `:time` in milliseconds when it was timed
        attr_reader :payload

        # @param id [String] id of the event
        # @param payload [Hash] what it carries
        # @param time [Float, nil] how long the instrumented block took, in milliseconds
        def initialize(id, payload, time = nil)
          @id = id
          @payload = time ? payload.merge(time: time) : payload
        end

        # @param name [Symbol] a payload key
        # @return [Object] its value
        # @raise [KeyError] when the event does not carry it
        def [](name)
          @payload.fetch(name)
        end
      end
    end
  end
end
