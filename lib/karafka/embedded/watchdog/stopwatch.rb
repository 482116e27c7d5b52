# frozen_string_literal: true

module Karafka
  module Embedded
    class Watchdog
      # How long things stay as they are, by a clock of its own: it goes on only while whoever looks does so. A process
      # that was suspended, or got no time, sees one long gap between two looks, which counts as a short one.
      #
      # @api private
      class Stopwatch
        # @param step [Numeric] longest gap that counts, in milliseconds
        def initialize(step)
          @step = step
          @now = 0
          @seen = {}
        end

        # Begins another look
        # @param time [Numeric] milliseconds of {Wait.now}
        def look(time = Wait.now)
          @now += [time - @last, @step].min if @last
          @last = time
          @seen.select! { |_, entry| entry[:look] == @look }
          @look = time
        end

        # @param what [Object] that is watched, in each look
        # @param sign [Object] of life, which changes as long as it lives
        # @return [Numeric] milliseconds for which the sign has been the same
        def same_for(what, sign)
          entry = @seen[what]
          entry = @seen[what] = { sign: sign, since: @now } unless entry && entry[:sign] == sign
          entry[:look] = @look
          @now - entry[:since]
        end
      end
    end
  end
end
