# frozen_string_literal: true

module Karafka
  module Processing
    # The executors of a running engine, one for each assignment. Workers give it their leases.
    #
    # @api private
    class Executors
      # Kinds of leases that end an assignment
      LAST = %i[revoked shutdown].freeze
      private_constant :LAST

      # @param jobs_queue [Object, nil] what `event[:jobs_queue]` is
      def initialize(jobs_queue: nil)
        @jobs_queue = jobs_queue
        @mutex = Mutex.new
        @executors = {}
      end

      # Runs what a lease asks for and acknowledges it. When the thread is killed meanwhile it does not: giving the
      # lease back is up to who holds it.
      # @param lease [Native::Lease]
      # @param kind [Symbol] its kind
      # @param worker [Object, nil] who runs it, `event[:caller]` of the worker events
      # @yieldreturn [Executor] for an assignment that is new
      def call(lease, kind = lease.kind, worker: nil)
        return finish(lease, kind, worker) if LAST.include?(kind)

        executor = @executors[lease.assignment] || add(lease.assignment, yield)
        run(lease, kind, executor, worker)
      end

      # @return [Integer] how many consumers there are
      def size
        @executors.size
      end

      # @return [Array<BaseConsumer>] the consumers there are
      def consumers
        @mutex.synchronize { @executors.values }.filter_map(&:consumer)
      end

      # @param subscription_group [Routing::SubscriptionGroup]
      # @return [Array<Native::Partition>] the assignments there are of it
      def coordinators(subscription_group)
        executors = @mutex.synchronize { @executors.values }
        executors.select { |one| one.subscription_group.id == subscription_group.id }.map(&:coordinator)
      end

      private

      def run(lease, kind, executor, worker)
        executor.run(Jobs::BY_KIND.fetch(kind).new(executor, lease), worker: worker, jobs_queue: @jobs_queue)
      end

      # A partition that never had a message has no consumer to tell
      def finish(lease, kind, worker)
        executor = @executors[lease.assignment]
        return lease.succeed if executor.nil? || executor.consumer.nil?

        run(lease, kind, executor, worker)
      ensure
        @mutex.synchronize { @executors.delete(lease.assignment) }
      end

      def add(assignment, executor)
        @mutex.synchronize { @executors[assignment] ||= executor }
      end
    end
  end
end
