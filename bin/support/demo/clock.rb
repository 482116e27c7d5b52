# frozen_string_literal: true

module Demo
  # What was waited for did not come about
  class Late < StandardError; end

  # Time, and waiting with a deadline
  module Clock
    STEP_S = 0.01
    private_constant :STEP_S

    module_function

    # @return [Float] seconds of a clock that only goes forward
    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    # @return [Array(Object, Float)] what the block returned, and the seconds it took
    def time
      began = now
      [yield, now - began]
    end

    # @param what [String] for the message when it does not come about
    # @param within [Numeric] seconds
    # @yieldreturn [Object] truthy when it has come about
    # @return [Object] what the block returned
    # @raise [Late]
    def await(what, within:)
      deadline = now + within
      until (result = yield)
        raise Late, "#{what}: not within #{within} s" if now >= deadline

        sleep(STEP_S)
      end
      result
    end
  end
end
