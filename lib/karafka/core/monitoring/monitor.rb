# frozen_string_literal: true

module Karafka
  module Core
    module Monitoring
      # The door to a notifications bus. Subclass it and override {#instrument} to see every event.
      class Monitor
        EMPTY_PAYLOAD = {}.freeze
        private_constant :EMPTY_PAYLOAD

        # @return [Notifications] the bus behind it
        attr_reader :notifications_bus

        # @param notifications_bus [Notifications] where events go
        # @param namespace [String, nil] suffix that the bus knows the events with ("routing" for `event.routing`)
        def initialize(notifications_bus, namespace = nil)
          @notifications_bus = notifications_bus
          @namespace = namespace
          @namespaced = Hash.new { |ids, id| ids[id] = -"#{id}.#{namespace}" } if namespace
          @sees_all = !method(:instrument).owner.equal?(Monitor)
        end

        # @param event_id [String] what happens
        # @param payload [Hash] what the event carries
        # @yield work to time
        # @return [Object] what the block returned
        def instrument(event_id, payload = EMPTY_PAYLOAD)
          event_id = @namespaced[event_id] if @namespaced
          # Each batch has nine events: asked in this way it is no method call, and naming the block would cost more
          return @notifications_bus.instrument(event_id, payload) unless defined?(yield)

          @notifications_bus.instrument(event_id, payload) { yield } # rubocop:disable Style/ExplicitBlockArgument
        end

        # @see Notifications#subscribe
        def subscribe(event_id_or_listener, &block)
          return @notifications_bus.subscribe(event_id_or_listener) unless block_given?

          @notifications_bus.subscribe(@namespaced ? @namespaced[event_id_or_listener] : event_id_or_listener, &block)
        end

        # @see Notifications#unsubscribe
        def unsubscribe(listener_or_block)
          @notifications_bus.unsubscribe(listener_or_block)
        end

        # @see Notifications#listeners
        def listeners
          @notifications_bus.listeners
        end

        # @param event_id [String]
        # @return [Boolean] is there somebody to hear of it: a subscriber, or an {#instrument} of a subclass
        # @see Notifications#subscribed?
        def subscribed?(event_id)
          @sees_all || @notifications_bus.subscribed?(@namespaced ? @namespaced[event_id] : event_id)
        end
      end
    end
  end
end
