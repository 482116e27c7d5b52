# frozen_string_literal: true

module Karafka
  module Embedded
    class CrashPolicy
      # What is wrong with a run at the moment and does not pass by itself. The first word of each is handed on.
      #
      # @api private
      class Incidents
        # @yieldparam crash [Crash] that is new
        def initialize(&on_crash)
          @on_crash = on_crash
          @mutex = Mutex.new
          @crashes = {}.freeze
        end

        # @param crash [Crash]
        def add(crash)
          @on_crash.call(crash) if note(crash)
        end

        # Keeps it to be shown, and tells nobody
        # @param crash [Crash]
        # @return [Boolean] is it news
        def note(crash)
          key = [crash.group, crash.cause]
          @mutex.synchronize do
            news = !@crashes.key?(key)
            @crashes = { **@crashes, key => crash }.freeze if news
            news
          end
        end

        # A group works again
        # @param group [String]
        def healed(group)
          over = @mutex.synchronize do
            over, standing = @crashes.partition { |(of, _), _| of == group }
            @crashes = standing.to_h.freeze
            over.map(&:last)
          end
          over.each { |crash| Karafka.logger.info("Karafka::Embedded healed: #{crash}") }
        end

        # @param crash [Crash]
        # @return [Boolean] is it, or one like it, still the case
        def include?(crash)
          @crashes.key?([crash.group, crash.cause])
        end

        # Without the lock, which a signal handler could not have
        # @return [Array<Crash>]
        def to_a
          @crashes.values
        end

        # @return [Boolean]
        def none?
          @crashes.empty?
        end
      end
    end
  end
end
