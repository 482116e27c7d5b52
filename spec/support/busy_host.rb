# frozen_string_literal: true

# Threads of the host's own, beside consumers
module BusyHost
  # While the block runs, threads always want Ruby's lock
  # @param threads [Integer]
  # @param work [#call] what each does again and again; nothing keeps the lock as long as Ruby lets a thread have it
  def with_busy_host(threads = 1, work = -> {})
    over = false
    busy = Array.new(threads) { Thread.new { work.call until over } }
    yield
  ensure
    over = true
    busy&.each(&:join)
  end
end

RSpec.configure { |config| config.include BusyHost }
