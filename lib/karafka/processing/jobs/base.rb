# frozen_string_literal: true

require "securerandom"

module Karafka
  module Processing
    module Jobs
      # One lease being worked on. It is acknowledged once, and only when nothing of the job runs any more: from then on
      # another worker may have the partition.
      class Base
        class << self
          # @return [Symbol] what kind of work it is
          attr_accessor :action
        end

        # @return [Executor] what it runs on
        attr_reader :executor
        # @return [Native::Lease]
        # @api private
        attr_reader :lease

        # @param executor [Executor]
        # @param lease [Native::Lease]
        def initialize(executor, lease)
          @executor = executor
          @lease = lease
        end

        # @return [String] unique for each job
        def id
          @id ||= SecureRandom.hex(6)
        end

        # @return [String, nil] id of the consumer group
        def group_id
          executor.group_id
        end

        # What comes before a worker begins: the consumer is made ready and told
        # @api private
        def schedule; end

        # The work. It reports what user code raises, and does not raise itself.
        # @api private
        def call; end

        # Tells the engine that the lease is done. What is not consuming is not repeated, whatever came of it.
        # @api private
        def acknowledge
          acknowledge_once { lease.succeed }
        end

        # @return [Boolean] was the engine told
        # @api private
        def acknowledged?
          @acknowledged ? true : false
        end

        private

        def acknowledge_once
          return if @acknowledged

          # Only then: what could not be said may be said in another way, or the worker gives the lease back.
          answer = yield
          @acknowledged = true
          answer
        end
      end
    end
  end
end
