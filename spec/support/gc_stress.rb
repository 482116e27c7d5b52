# frozen_string_literal: true

# `GC.stress` makes a suite take hours; a thread that collects without pause meets the same moments in minutes.
module GCStress
  class << self
    def around
      compacting = GC.respond_to?(:auto_compact=)
      GC.auto_compact = true if compacting
      stop = false
      collector = Thread.new do
        until stop
          GC.start
          sleep(0.001)
        end
      end
      yield
    ensure
      stop = true
      collector&.join
      GC.auto_compact = false if compacting
    end
  end
end
