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

        class << self
          # @param told [Hash] by the engine, which noticed it
          # @param runtime [Runtime]
          # @return [Stall]
          def of(told, runtime)
            __send__(told.fetch(:what), told, runtime)
          end

          private

          def thread(told, _runtime)
            new(:critical, "the thread #{told[:name]} of the engine is stuck")
          end

          def reader(_told, runtime)
            new(:warning, "a subscriber of Karafka.monitor keeps the thread karafka.embedded",
                threads: [runtime.thread])
          end

          def job(told, runtime)
            worker = runtime.pool.alive.find { |one| one.works_on?(told[:topic], told[:partition]) }
            offsets = told[:first_offset] ? ", offsets #{told[:first_offset]}..#{told[:last_offset]}" : ""
            new(:unhealthy, "#{told[:job]} of #{told[:topic]}/#{told[:partition]}#{offsets} runs longer than " \
                            "max.poll.interval.ms (#{told[:interval_ms]} ms): others may have its partition",
                threads: [worker&.thread].compact)
          end

          def busy_workers(told, runtime)
            new(:warning, "no worker has ended its job for #{told[:timeout_ms]} ms, and #{told[:waiting]} partitions " \
                          "wait for one", threads: runtime.pool.alive.map(&:thread))
          end

          def dead_workers(told, _runtime)
            severity = told[:dead] == told[:wanted] ? :unhealthy : :warning
            new(severity, "#{told[:dead]} of #{told[:wanted]} workers are dead")
          end
        end

        # @return [:critical, :unhealthy, :warning]
        attr_reader :severity
        # @return [String]
        attr_reader :message
        # @return [Hash{String => Array<String>}] what the threads that it is about were doing when it was noticed
        attr_reader :threads

        # @param severity [:critical, :unhealthy, :warning] critical: the engine can't go on; unhealthy: the work does
        #   not; a warning: it may be as the application wants it
        # @param message [String]
        # @param threads [Array<Thread>]
        def initialize(severity, message, threads: [])
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
