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
    # @return [Routing::Topic] the route
    attr_accessor :topic
    # @return [Processing::Jobs::Base, nil] the job that runs
    # @api private
    attr_accessor :job

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
      monitor.instrument("consumer.initialize", caller: self)
      monitor.instrument("consumer.initialized", caller: self) { initialized }
    rescue Exception => e # rubocop:disable Lint/RescueException -- whatever user code raises must not end the worker
      report("consumer.initialized.error", e)
    end

    def on_before_schedule_consume
      @used = true
      monitor.instrument("consumer.before_schedule_consume", caller: self)
    end

    def on_before_schedule_revoked
      monitor.instrument("consumer.before_schedule_revoked", caller: self)
    end

    def on_before_schedule_shutdown
      monitor.instrument("consumer.before_schedule_shutdown", caller: self)
    end

    def on_wrap(action, &block)
      monitor.instrument("consumer.wrap", caller: self)
      monitor.instrument("consumer.wrapped", caller: self) { wrap(action, &block) }
    rescue Exception => e # rubocop:disable Lint/RescueException
      report("consumer.wrap.error", e)
    end

    def on_before_consume
      messages.process
    end

    def on_consume
      monitor.instrument("consumer.consume", caller: self)
      monitor.instrument("consumer.consumed", caller: self) { consume }
      job.success!
    rescue Exception => e # rubocop:disable Lint/RescueException
      job.failure!(e)
      report("consumer.consume.error", e, seek_offset: seek_offset)
    end

    def on_after_consume
      retry_after_pause if job.failed?
    rescue Exception => e # rubocop:disable Lint/RescueException
      job.failure!(e)
      report("consumer.after_consume.error", e, seek_offset: seek_offset)
    end

    def on_revoked
      monitor.instrument("consumer.revoke", caller: self)
      monitor.instrument("consumer.revoked", caller: self) { revoked }
    rescue Exception => e # rubocop:disable Lint/RescueException
      report("consumer.revoked.error", e)
    end

    def on_shutdown
      monitor.instrument("consumer.shutting_down", caller: self)
      monitor.instrument("consumer.shutdown", caller: self) { shutdown }
    rescue Exception => e # rubocop:disable Lint/RescueException
      report("consumer.shutdown.error", e)
    end

    # The engine waits and delivers the rest of the batch again. A partition that went meanwhile is another's to retry.
    def retry_after_pause
      attempt = self.attempt
      offset = seek_offset
      timeout = job.fail
      return if revoked?

      monitor.instrument(
        "consumer.consuming.retry",
        caller: self, topic: topic.name, partition: partition, offset: offset, timeout: timeout, attempt: attempt
      )
    end

    def report(type, error, **details)
      Instrumentation::ErrorReport.call(type: type, error: error, caller: self, **details)
    end

    def monitor
      Karafka.monitor
    end
  end
end
