# frozen_string_literal: true

module WaterDrop
  module Clients
    # Messages of a producer that nobody closed would be lost when the process exits: they get a moment then.
    #
    # @api private
    module LastWords
      # ms at most, for all clients together
      PATIENCE = 5_000
      private_constant :PATIENCE

      # Those that are not closed. The thread that hands out a client's events holds on to it for as long, so a weak map
      # would spare nothing; in Ruby 3.1 it also gives out keys that are just being collected. No lock: a client may be
      # closed for a signal handler that waits, and Ruby changes a hash of keys told by identity in one step.
      @clients = {}.compare_by_identity

      class << self
        # @param client [Rdkafka]
        # @param config [Karafka::Core::Configurable::Node] settings of its producer
        def register(client, config)
          @clients[client] = config
          await_exit
        end

        # @param client [Rdkafka] closed
        def forget(client)
          @clients.delete(client)
        end

        # Called when this is loaded: what the application registers later runs before it, and may send something. Where
        # the application runs in a handler of its own, as tests do, a client that is made there has it called again.
        def await_exit
          @await_exit ||= at_exit do
            @await_exit = nil
            flush(now + PATIENCE)
          end
        end

        private

        def flush(deadline)
          @clients.to_a.each do |client, config|
            left = [deadline - now, 0].max
            next if client.queue_size.zero? || client.flush(left)

            config.logger.warn("[#{config.id}] #{client.queue_size} messages were not sent when the process ended")
          rescue Karafka::Native::ForeignProcessError, Karafka::Native::LifecycleError
            # Another process's, or closed meanwhile
          end
        end

        def now
          ::Process.clock_gettime(::Process::CLOCK_MONOTONIC, :millisecond)
        end
      end

      await_exit
    end
  end
end
