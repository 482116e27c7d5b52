# frozen_string_literal: true

require "forwardable"
require "securerandom"

module Karafka
  # What consumers inherit from. There is one instance for each partition that is assigned, for as long as it is
  # (unless `consumer_persistence` is off), and never two of its methods run at the same time.
  # @example
  #   class OrdersConsumer < Karafka::BaseConsumer
  #     def consume
  #       messages.each { |message| Order.create!(message.payload) }
  #     end
  #   end
  class BaseConsumer
    include Core::Taggable
    extend Forwardable

    # @return [Messages::Messages] the batch; empty before the first
    attr_accessor :messages
    # @return [Object, nil] connection it reads from
    attr_accessor :client
    # @return [Native::Partition] the assignment of its partition
    attr_accessor :coordinator
    # @return [WaterDrop::Producer] the application's, unless something else was set
    attr_accessor :producer

    # @!method produce_sync(message)
    #   @see WaterDrop::Producer#produce_sync
    # @!method produce_async(message)
    #   @see WaterDrop::Producer#produce_async
    # @!method produce_many_sync(messages)
    #   @see WaterDrop::Producer#produce_many_sync
    # @!method produce_many_async(messages)
    #   @see WaterDrop::Producer#produce_many_async
    def_delegators :producer, :produce_sync, :produce_async, :produce_many_sync, :produce_many_async

    # @!method each(&block)
    #   @yieldparam message [Messages::Message]
    def_delegators :messages, :each

    # @return [String] unique for each instance
    def id
      @id ||= SecureRandom.hex(6)
    end

    # What is ours alone carries our name, since consumers have methods and variables of all kinds of their own.

    # @return [Processing::Jobs::Base, nil] the job that runs
    # @api private
    attr_accessor :karafka_job
    # @return [Routing::Topic]
    # @api private
    attr_accessor :karafka_topic

    # @return [Routing::Topic] the route
    def topic
      karafka_topic
    end

    # @return [Integer]
    def partition
      coordinator.partition
    end

    # @return [Integer, nil] where the partition is tried again after an error: behind the last marked message
    def seek_offset
      coordinator.seek_offset
    end

    # @param offset [Integer, nil]
    def seek_offset=(offset)
      coordinator.seek_offset = offset
    end

    # Marks a message and all before it as done. The mark is committed within `auto_commit_interval`.
    # @param message [Messages::Message, Messages::Seek]
    # @return [Boolean] false when the partition is no longer ours
    def mark_as_consumed(message)
      coordinator.mark(message.offset)
    end

    # Marks a message and all before it as done, and waits until the cluster knows.
    # @param message [Messages::Message, Messages::Seek]
    # @return [Boolean] false when the partition is no longer ours
    def mark_as_consumed!(message)
      coordinator.mark!(message.offset)
    end

    # @return [String]
    def inspect
      "#<#{self.class.name}:0x#{object_id.to_s(16)} id=#{id} topic=#{topic&.name.inspect} " \
        "partition=#{coordinator&.partition.inspect} used=#{used?} messages_count=#{messages&.size || 0} " \
        "revoked=#{coordinator ? revoked? : false}>"
    end

    private

    # Override: work with {#messages}
    # @raise [NotImplementedError] unless overridden
    def consume
      raise NotImplementedError, "Implement #consume in #{self.class}"
    end

    # Override: runs once, before the first batch, when topic and partition are known
    def initialized; end

    # Override: runs when the partition was taken away, after a batch that was running
    def revoked; end

    # Override: runs when the engine stops, after the last batch
    def shutdown; end

    # Override: runs around everything else
    # @param _action [Symbol] :consume, :revoked or :shutdown
    # @yield the work
    def wrap(_action)
      yield
    end

    # @return [Boolean] is the partition no longer ours
    def revoked?
      coordinator.revoked?
    end

    # @return [Integer] which try of the batch this is, from 1
    def attempt
      coordinator.attempt
    end

    # @return [Boolean] was the batch tried before
    def retrying?
      attempt > 1
    end

    # @return [Boolean] was there ever anything to do
    def used?
      @used ? true : false
    end

    # The methods from here on are what the engine calls. They are looked up at each call: applications and tools
    # override them, and call super.

    def on_initialized
      Karafka.monitor.instrument("consumer.initialize", karafka_event)
      Karafka.monitor.instrument("consumer.initialized", karafka_event) { initialized }
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever user code raises must not end the worker
      karafka_report("consumer.initialized.error", e)
    end

    def on_before_schedule_consume
      @used = true
      Karafka.monitor.instrument("consumer.before_schedule_consume", karafka_event)
    end

    def on_before_schedule_revoked
      Karafka.monitor.instrument("consumer.before_schedule_revoked", karafka_event)
    end

    def on_before_schedule_shutdown
      Karafka.monitor.instrument("consumer.before_schedule_shutdown", karafka_event)
    end

    def on_wrap(action, &block)
      Karafka.monitor.instrument("consumer.wrap", karafka_event)
      Karafka.monitor.instrument("consumer.wrapped", karafka_event) { wrap(action, &block) }
    rescue Exception => e # rubocop:disable Lint/RescueException
      karafka_report("consumer.wrap.error", e)
    end

    def on_before_consume
      messages.process
    end

    def on_consume
      Karafka.monitor.instrument("consumer.consume", karafka_event)
      Karafka.monitor.instrument("consumer.consumed", karafka_event) { consume }
      karafka_job.success!
    rescue Exception => e # rubocop:disable Lint/RescueException
      karafka_job.failure!(e)
      karafka_report("consumer.consume.error", e, seek_offset: seek_offset)
    end

    def on_after_consume
      retry_after_pause if karafka_job.failed?
    rescue Exception => e # rubocop:disable Lint/RescueException
      karafka_job.failure!(e)
      karafka_report("consumer.after_consume.error", e, seek_offset: seek_offset)
    end

    def on_revoked
      Karafka.monitor.instrument("consumer.revoke", karafka_event)
      Karafka.monitor.instrument("consumer.revoked", karafka_event) { revoked }
    rescue Exception => e # rubocop:disable Lint/RescueException
      karafka_report("consumer.revoked.error", e)
    end

    def on_shutdown
      Karafka.monitor.instrument("consumer.shutting_down", karafka_event)
      Karafka.monitor.instrument("consumer.shutdown", karafka_event) { shutdown }
    rescue Exception => e # rubocop:disable Lint/RescueException
      karafka_report("consumer.shutdown.error", e)
    end

    # The engine waits and delivers the rest of the batch again. A partition that went meanwhile is another's to retry.
    def retry_after_pause
      attempt = self.attempt
      offset = seek_offset
      timeout = karafka_job.fail
      return if revoked?

      Karafka.monitor.instrument(
        "consumer.consuming.retry",
        caller: self, topic: topic.name, partition: partition, offset: offset, timeout: timeout, attempt: attempt
      )
    end

    def karafka_report(type, error, **details)
      Instrumentation::ErrorReport.call(type: type, error: error, caller: self, **details)
    end

    # The payload of most events; made once, since there are several for each batch
    def karafka_event
      @karafka_event ||= { caller: self }.freeze
    end
  end
end
