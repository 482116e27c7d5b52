# frozen_string_literal: true

module Karafka
  module Embedded
    class Watchdog
      # Something that does not move
      #
      # @api private
      class Stall
        FRAMES = 40
        private_constant :FRAMES

        # @return [Array] what it is, however long it takes
        attr_reader :key
        # @return [:critical, :unhealthy, :warning]
        attr_reader :severity
        # @return [String]
        attr_reader :message
        # @return [Hash{String => Array<String>}] what the threads that it is about were doing when it was noticed
        attr_reader :threads

        # @param key [Array]
        # @param severity [:critical, :unhealthy, :warning] critical: the engine can't go on; unhealthy: the work does
        #   not; a warning: it may be as the application wants it
        # @param message [String]
        # @param threads [Array<Thread>]
        def initialize(key, severity, message, threads: [])
          @key = key
          @severity = severity
          @message = message
          @threads = threads.to_h { |thread| [thread.name || thread.inspect, backtrace(thread)] }
          @at = Time.now.utc
        end

        # @return [Boolean] may it be as the application wants it
        def passing?
          severity == :warning
        end

        # @return [EngineError] with the backtrace of the first thread
        def error
          EngineError.new(message).tap { |error| error.set_backtrace(threads.values.first || []) }
        end

        # @return [Hash{Symbol => Object}]
        def to_h
          { severity: severity, message: message, noticed_at: @at.strftime("%FT%T.%LZ"), threads: threads }
        end

        private

        def backtrace(thread)
          (thread.backtrace || []).first(FRAMES)
        end
      end
    end
  end
end
