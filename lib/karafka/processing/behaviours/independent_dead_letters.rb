# frozen_string_literal: true

module Karafka
  module Processing
    module Behaviours
      # Each message has the full number of tries: what is marked while a batch is repeated has the count begin anew.
      module IndependentDeadLetters
        # @see Offsets#mark_as_consumed
        def mark_as_consumed(message)
          karafka_count_anew(super)
        end

        # @see Offsets#mark_as_consumed!
        def mark_as_consumed!(message)
          karafka_count_anew(super)
        end

        private

        def karafka_count_anew(marked)
          coordinator.reset_attempts if marked && retrying?
          marked
        end
      end
    end
  end
end
