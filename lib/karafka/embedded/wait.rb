# frozen_string_literal: true

module Karafka
  module Embedded
    # Waiting for something, with a deadline
    #
    # @api private
    module Wait
      STEP = 0.002
      private_constant :STEP

      # @param timeout [Numeric] milliseconds
      # @yieldreturn [Object] truthy when it has come about
      # @return [Boolean] did it, in time
      def self.until(timeout)
        deadline = now + timeout
        loop do
          return true if yield
          return false if now >= deadline

          sleep(STEP)
        end
      end

      # @return [Float] milliseconds of a clock that only goes forward
      def self.now
        ::Process.clock_gettime(::Process::CLOCK_MONOTONIC, :float_millisecond)
      end
    end
  end
end
