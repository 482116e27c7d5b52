# frozen_string_literal: true

module Karafka
  module Core
    module Helpers
      # Time in the units that events carry
      module Time
        # @return [Float] milliseconds of a clock that only goes forward
        def monotonic_now
          ::Process.clock_gettime(::Process::CLOCK_MONOTONIC, :float_millisecond)
        end

        # @return [Float] seconds since the epoch
        def float_now
          ::Process.clock_gettime(::Process::CLOCK_REALTIME, :float_second)
        end
      end
    end
  end
end
