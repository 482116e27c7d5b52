# frozen_string_literal: true

module Karafka
  module Embedded
    class CrashPolicy
      # How often, and how soon, an engine is started again: each time after twice as long, and so many times within
      # ten minutes. What lies longer back is forgotten.
      #
      # @api private
      class Budget
        WINDOW_MS = 600_000

        # @param settings [Core::Configurable::Node] `config.embedded`
        def initialize(settings)
          @settings = settings
          @taken = []
        end

        # @param now [Numeric] milliseconds of {Wait.now}
        # @return [Integer, nil] milliseconds to wait before the next start; nil when there is none left
        def take(now = Wait.now)
          @taken.reject! { |at| now - at > WINDOW_MS }
          return if @taken.size >= @settings.crash_restarts

          @taken << now
          [@settings.crash_backoff * (2**[@taken.size - 1, 30].min), @settings.crash_backoff_limit].min
        end

        # The last one was not needed
        def give_back
          @taken.pop
        end

        # @return [Integer] how many were taken, of those that count
        def taken
          @taken.size
        end
      end
    end
  end
end
