# frozen_string_literal: true

module Karafka
  module Embedded
    module Hosts
      # Passenger's worker processes
      #
      # @api private
      module Passenger
        # What its watchdog waits, in ms, before it kills all (6.0.17, measured); no setting. A worker that is replaced
        # has twice as long, but can't know that it is.
        SHUTDOWN_TIMEOUT = 30_000
        private_constant :SHUTDOWN_TIMEOUT

        class << self
          # @return [Boolean] is this Passenger
          def attach
            return false unless defined?(::PhusionPassenger) && ::PhusionPassenger.respond_to?(:on_event)

            ::PhusionPassenger.on_event(:starting_worker_process) { |_forked| start }
            ::PhusionPassenger.on_event(:stopping_worker_process) { stop }
            true
          end

          # @return [Host]
          def host
            Host.new(:passenger) { SHUTDOWN_TIMEOUT }
          end

          # @return [Host, nil] nil unless Passenger serves this process
          def detect
            host if defined?(::PhusionPassenger::App)
          end

          private

          # Passenger serves nothing with a process whose hook raises, and at times misses what it said
          def start
            Embedded.host = host
            Embedded.after_fork
          rescue StandardError, ScriptError => e
            Karafka.logger.fatal("Karafka's consumers can't start: #{e.class}: #{e.message}")
            raise
          end

          def stop
            Embedded.host.ending
            Embedded.stop
          end
        end
      end
    end
  end
end
