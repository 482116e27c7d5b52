# frozen_string_literal: true

module Karafka
  module Core
    module Monitoring
      # Passes events to who subscribed to them, on the thread that emits.
      #
      # Emitting reads one frozen array and takes no lock, so an event nobody wants costs a hash look-up: by identity,
      # since to hash the text of an id takes longer than all the rest. Frozen literals of one text are one String, and
      # `-id` is that one for any other.
      class Notifications
        include Helpers::Time

        # Raised for an event that was never registered
        EventNotRegistered = Class.new(StandardError)

        EMPTY = [].freeze
        EMPTY_PAYLOAD = {}.freeze
        private_constant :EMPTY, :EMPTY_PAYLOAD

        # @return [String, nil] name of this bus
        attr_accessor :name

        def initialize
          @mutex = Mutex.new
          @subscribers = {}
          @callables = {}.compare_by_identity.freeze
          @handlers = {}
        end

        # @return [Array<String>] ids one can subscribe to
        def available_events
          @callables.keys
        end

        # @param event_id [String] event that will be emitted
        def register_event(event_id)
          @mutex.synchronize do
            id = -event_id
            next if @callables.key?(id)

            @handlers = @handlers.merge(id => :"on_#{id.tr(".", "_").tr("/", "_")}").freeze
            @subscribers = @subscribers.merge(id => EMPTY).freeze
            @callables = @callables.merge(id => EMPTY).freeze
          end
        end

        # @return [Hash{String => Array}] subscribers by event
        def listeners
          @subscribers.transform_values(&:dup)
        end

        # Drops subscribers
        # @param event_id [String, nil] of this event, or of all
        # @raise [EventNotRegistered]
        def clear(event_id = nil)
          ensure_registered(event_id) if event_id
          replace { |id, subscribers| event_id.nil? || event_id == id ? EMPTY : subscribers }
        end

        # @param event_id_or_listener [String, Object] event for the block, or a listener: it receives every event for
        #   which it has an `on_` method (`on_app_running` for `app.running`)
        # @yieldparam event [Event]
        # @raise [EventNotRegistered] for an event that does not exist
        # @example
        #   Karafka.monitor.subscribe("app.running") { |event| puts event.id }
        def subscribe(event_id_or_listener, &block)
          return subscribe_object(event_id_or_listener) unless block

          id = event_id_or_listener
          ensure_registered(id)
          replace { |other, subscribers| other == id ? [*subscribers, block] : subscribers }
        end

        # @param listener_or_block [Object, Proc] what was subscribed
        def unsubscribe(listener_or_block)
          replace { |_, subscribers| subscribers.reject { |other| other.equal?(listener_or_block) } }
        end

        # @param event_id [String] what happens
        # @param payload [Hash] what the event carries
        # @yield work to time; the event is emitted after it, unless it raised
        # @return [Object] what the block returned
        # @raise [EventNotRegistered]
        def instrument(event_id, payload = EMPTY_PAYLOAD)
          table = @callables
          unless (callables = table[event_id])
            event_id = ensure_registered(event_id)
            callables = (table = @callables)[event_id]
          end

          unless defined?(yield) # No method call: see {Monitor#instrument}
            publish(callables, Event.new(event_id, payload)) unless callables.empty?
            return
          end

          started = monotonic_now unless callables.empty?
          result = yield
          # Who subscribes while the block runs gets the event too
          return result if started.nil? && @callables.equal?(table)

          publish(@callables[event_id], Event.new(event_id, payload, started ? monotonic_now - started : 0.0))
          result
        end

        # @param event_id [String]
        # @return [Boolean] does anybody want this event; lets an emitter skip preparing an expensive payload
        def subscribed?(event_id)
          !(@callables[event_id] || @callables[one_of(event_id)] || EMPTY).empty?
        end

        private

        def publish(callables, event)
          callables.each { |callable| callable.call(event) }
        end

        # @return [String] the one that the table knows
        def ensure_registered(event_id)
          id = one_of(event_id)
          @callables.key?(id) ? id : raise(EventNotRegistered, event_id)
        end

        # @return [String, Object] the one String of its text; what is none is no event's id
        def one_of(event_id)
          event_id.is_a?(String) ? -event_id : event_id
        end

        def subscribe_object(listener)
          replace { |id, subscribers| listener.respond_to?(@handlers[id]) ? [*subscribers, listener] : subscribers }
        end

        # Subscribers are kept as given, for listeners and unsubscribe; what is called is kept beside them. A listener
        # is called through a lambda and not a Method object, so that a method redefined later (a stub) is what runs.
        def replace
          @mutex.synchronize do
            @subscribers = @subscribers.to_h { |id, subscribers| [id, yield(id, subscribers).freeze] }.freeze
            callables = @subscribers.to_h { |id, subscribers| [id, callables_of(id, subscribers)] }
            @callables = callables.compare_by_identity.freeze
          end
          changed
        end

        # Somebody came or left
        def changed; end

        def callables_of(id, subscribers)
          handler = @handlers[id]
          subscribers.map do |subscriber|
            subscriber.is_a?(Proc) ? subscriber : ->(event) { subscriber.public_send(handler, event) }
          end.freeze
        end
      end
    end
  end
end
