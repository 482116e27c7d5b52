# frozen_string_literal: true

module Karafka
  module Embedded
    # How much work there is, as `jobs_queue` of worker events shows it. The queue itself is the engine's.
    class JobsQueue
      # @param engine [Native::Engine]
      def initialize(engine)
        @engine = engine
      end

      # @return [Hash{Symbol => Integer}] `:busy` jobs that run and `:enqueued` partitions that wait for a worker
      def statistics
        busy, enqueued = @engine.job_counts
        { busy: busy, enqueued: enqueued }
      end
    end
  end
end
