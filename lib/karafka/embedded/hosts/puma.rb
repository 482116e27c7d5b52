# frozen_string_literal: true

module Karafka
  module Embedded
    module Hosts
      # What Puma says about its end
      #
      # @api private
      module Puma
        class << self
          # @param options [#[]] of Puma's launcher
          # @return [Host]
          def host(options)
            Host.new(:puma, threads: -> { options[:max_threads] }, forks: -> { master?(options) }) do
              shutdown_timeout(options)
            end
          end

          # @return [Host, nil] nil unless this process was started as `puma`
          def detect
            config = ::Puma.cli_config if defined?(::Puma) && ::Puma.respond_to?(:cli_config)
            host(config.options) if config
          end

          private

          # Puma marks neither. A worker is forked on the stack of its master, so only a file of its own tells.
          def master?(options)
            return false unless options[:workers].to_i.positive?

            files = Thread.main.backtrace.to_a
            files.grep(%r{puma/cluster\.rb}).any? && files.grep(%r{puma/cluster/worker\.rb}).none?
          end

          # In a cluster the master kills a worker. Nobody does in single mode, but who limits how long requests may
          # take at the end means the whole.
          def shutdown_timeout(options)
            clustered = options[:workers].to_i.positive?
            seconds = clustered ? options[:worker_shutdown_timeout] : options[:force_shutdown_after]
            seconds * 1_000 if seconds.is_a?(Numeric) && seconds.positive?
          end
        end
      end
    end
  end
end
