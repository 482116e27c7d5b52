# frozen_string_literal: true

require "forwardable"
require "securerandom"
require_relative "processing/behaviours"

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
    include Processing::Behaviours::Hooks
    include Processing::Behaviours::Offsets
    include Processing::Behaviours::Pauses
    include Processing::Behaviours::Seeks
    extend Forwardable

    # @return [Messages::Messages] the batch; empty before the first
    attr_accessor :messages
    # @return [Connection::Client, nil] connection it reads from
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

    # @return [Boolean] was the partition read to its end; needs `enable.partition.eof` in the topic's kafka settings
    def eofed?
      coordinator.eofed?
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

    # Override: runs when the partition was read to its end and there is no batch to say so, on topics with `eofed`
    def eofed; end

    # Override: runs when the partition was taken away, after a batch that was running
    def revoked; end

    # Override: runs when the engine stops, after the last batch
    def shutdown; end

    # Override: runs around everything else
    # @param _action [Symbol] :consume, :eofed, :revoked or :shutdown
    # @yield the work
    def wrap(_action)
      yield
    end

    # @return [Boolean] is the partition no longer ours
    def revoked?
      @karafka_revoked || coordinator.revoked?
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
  end
end
