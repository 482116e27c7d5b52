# frozen_string_literal: true

# Waiting for what can be observed, with a deadline. Programs in child processes use it too, so it needs no RSpec.
module Eventually
  # It did not come about in time
  class Late < StandardError; end

  STEP_S = 0.005

  module_function

  # @param what [String] for the message when it does not
  # @param within [Numeric] seconds
  # @yieldreturn [Object] truthy when it has come about
  # @return [Object] what the block returned
  def eventually(what, within: 20)
    deadline = now + within
    loop do
      result = yield
      return result if result
      raise Late, "#{what}: not within #{within} s" if now >= deadline

      sleep(STEP_S)
    end
  end

  # @return [Float] seconds of a clock that only goes forward
  def now
    Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end

RSpec.configure { |config| config.include Eventually } if defined?(RSpec)
