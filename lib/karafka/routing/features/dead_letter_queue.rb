# frozen_string_literal: true

module Karafka
  module Routing
    module Features
      # A message that keeps failing goes to another topic, so that those behind it are consumed
      class DeadLetterQueue < Base
        # Tries after the first before a message is given up
        DEFAULT_MAX_RETRIES = 3
        private_constant :DEFAULT_MAX_RETRIES

        Config = Struct.new(
          :active, :topic, :max_retries, :independent, :transactional, :dispatch_method, :marking_method,
          :mark_after_dispatch, keyword_init: true
        ) do
          alias_method :active?, :active
          alias_method :independent?, :independent
          alias_method :transactional?, :transactional

          # @return [Boolean, nil] nil leaves it to the strategy: yes with automatic offsets, no with manual ones
          def mark_after_dispatch?
            mark_after_dispatch
          end
        end

        # @!visibility private
        module Topic
          # @param topic [String, nil] where messages go
          # @param max_retries [Integer] tries after the first
          # @param independent [Boolean] does each success start the count anew
          # @param transactional [Boolean] dispatch and mark in one transaction where the producer can
          # @param dispatch_method [Symbol] :produce_async or :produce_sync
          # @param marking_method [Symbol] :mark_as_consumed or :mark_as_consumed!
          # @param mark_after_dispatch [Boolean, nil] nil: as offsets are managed
          # @return [Config] the first call decides
          def dead_letter_queue( # rubocop:disable Metrics/ParameterLists -- the options of the DSL
            topic: nil, max_retries: DEFAULT_MAX_RETRIES, independent: false, transactional: true,
            dispatch_method: :produce_async, marking_method: :mark_as_consumed, mark_after_dispatch: nil
          )
            @dead_letter_queue ||= Config.new(
              active: !topic.nil?, topic: topic, max_retries: max_retries, independent: independent,
              transactional: transactional, dispatch_method: dispatch_method, marking_method: marking_method,
              mark_after_dispatch: mark_after_dispatch
            )
          end

          # @return [Boolean]
          def dead_letter_queue?
            dead_letter_queue.active?
          end

          # @return [Hash]
          def to_h
            super.merge(dead_letter_queue: dead_letter_queue.to_h).freeze
          end
        end
      end
    end
  end
end
