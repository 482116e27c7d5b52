# frozen_string_literal: true

require "securerandom"

module Karafka
  module Processing
    # Holds the consumer of one assignment of a partition, and calls it.
    #
    # @api private
    class Executor
      # @return [Routing::Topic]
      attr_reader :topic
      # @return [Routing::SubscriptionGroup]
      attr_reader :subscription_group
      # @return [Native::Partition]
      attr_reader :coordinator
      # @return [Integer]
      attr_reader :partition
      # @return [BaseConsumer, nil] nil before the first batch
      attr_reader :consumer

      # @param coordinator [Native::Partition]
      # @param topic [Routing::Topic]
      # @param subscription_group [Routing::SubscriptionGroup]
      # @param client [Connection::Client, nil] the connection it is assigned to
      def initialize(coordinator, topic, subscription_group, client)
        @coordinator = coordinator
        @partition = coordinator.partition
        @topic = topic
        @subscription_group = subscription_group
        @client = client
        @behaviours = Behaviours.of(topic)
        @persistent = topic.consumer_persistence
        @code = App.config.internal.code
        @reloads = @code.reloads?
        @mutex = Mutex.new
        Native.refers_to_jobs(self)
      end

      # @return [String]
      def id
        @id ||= SecureRandom.hex(6)
      end

      # @return [String]
      def group_id
        topic.consumer_group.id
      end

      # Runs a job from its events before to its events after, and acknowledges its lease.
      #
      # The lock matters after a failure with a short backoff: the engine may hand the batch out again while this job
      # is still in the user's `wrap`.
      # @param job [Jobs::Base]
      # @param worker [Object, nil] who runs it, for events
      # @param jobs_queue [Object, nil] where it came from, for events
      def run(job, worker:, jobs_queue:)
        details = { caller: worker, job: job, jobs_queue: jobs_queue }.freeze
        action = job.class.action

        @mutex.synchronize do
          @code.call(action) { perform(job, action, details) }
        rescue Exception => e # rubocop:disable Lint/RescueException -- a worker outlives whatever a job does
          Instrumentation::ErrorReport.call(type: "worker.process.error", error: e, **details)
        ensure
          @origin&.release # Before another job of this partition makes its own
        end
        job.acknowledge
      end

      # Gives the consumer a batch
      # @param job [Jobs::Consume]
      def prepare_consume(job)
        @consumer = nil if !@persistent || (@reloads && outdated?)
        @consumer ||= build_consumer
        coordinator.eofed = job.lease.eof?
        @origin = Messages::Origin.new(job.lease.batch, topic, partition)
        @consumer.messages = Messages::Messages.new(@origin).freeze
        prepare(job, :on_before_schedule_consume)
      end

      # Makes the consumer if nothing has come before the end of the partition
      # @param job [Jobs::Eofed]
      def prepare_eofed(job)
        @consumer = nil if @reloads && outdated?
        @consumer ||= build_consumer
        coordinator.eofed = true
        prepare(job, :on_before_schedule_eofed)
      end

      # Tells the consumer what comes
      # @param job [Jobs::Base]
      # @param hook [Symbol]
      def prepare(job, hook)
        @consumer.karafka_job = job
        @consumer.__send__(hook)
      end

      # Has the consumer work on its batch
      def consume
        @consumer.karafka_consume
      end

      # Tells the consumer that there is no more for now
      def eofed
        @consumer.__send__(:on_eofed)
      end

      # Tells the consumer that its partition is gone
      def revoked
        @consumer.__send__(:on_revoked)
      end

      # Tells the consumer that the engine stops
      def shutdown
        @consumer.__send__(:on_shutdown)
      end

      private

      def perform(job, action, details)
        monitor = Karafka.monitor
        job.schedule
        @consumer.__send__(:on_wrap, action) do
          monitor.instrument("worker.process", details)
          monitor.instrument("worker.processed", details) do
            job.call
            true
          end
        end
      ensure
        monitor.instrument("worker.completed", details)
      end

      # What was loaded anew, or was to be and can't, takes over with the next batch
      def outdated?
        !@consumer.nil? && !@consumer.instance_of?(topic.consumer)
      end

      # Topic and partition are not known to `initialize` of a consumer, which takes no arguments; `initialized` is
      # where they are.
      def build_consumer
        consumer = Native.refers_to_jobs(topic.consumer.new)
        consumer.extend(*@behaviours) unless @behaviours.empty?
        consumer.client = @client
        consumer.coordinator = coordinator
        consumer.karafka_topic = topic
        consumer.messages = Messages::Messages.new([]).freeze
        # An application that has a `producer` method of its own means that one
        consumer.producer = App.producer if consumer.producer.nil?
        consumer.__send__(:on_initialized)
        consumer
      end
    end
  end
end
