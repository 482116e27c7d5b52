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
        health = JSON.parse(@engine.health)
        { busy: health["groups"].sum { |group| group["running"].size }, enqueued: health["ready_partitions"] }
      end
    end
  end
end
