# frozen_string_literal: true

module Karafka
  module Embedded
    module Hosts
      # What Sidekiq says about its end
      #
      # @api private
      module Sidekiq
        class << self
          # @param config [Object] what Sidekiq yields to configure it: since 7 an object, before it `Sidekiq` itself
          # @return [nil]
          def attach(config)
            config.on(:startup) { start(config) }
            config.on(:quiet) { Embedded.quiet }
            config.on(:shutdown) { stop }
            nil
          end

          # @param config [#[]] Sidekiq's own
          # @return [Host]
          def host(config)
            Host.new(:sidekiq, threads: -> { threads(config) }) { shutdown_timeout(config) }
          end

          # @return [Host, nil] nil unless this process was started as `sidekiq`
          def detect
            host(config) if defined?(::Sidekiq::CLI)
          end

          private

          # Embedded in a process of another kind, Sidekiq ends with that
          def start(config)
            Embedded.host = host(config) if Embedded.host.name == :process
            Embedded.host.serving
            Embedded.after_fork
          end

          # Sidekiq's timeout runs already
          def stop
            Embedded.host.ending
            Embedded.stop
          end

          # Since 7 a configuration is an object, before it was the module `Sidekiq`
          def config
            ::Sidekiq.respond_to?(:default_configuration) ? ::Sidekiq.default_configuration : ::Sidekiq
          end

          def setting(config, name)
            config.respond_to?(:[]) ? config[name] : config.options[name]
          end

          # Since 7 they are those of all capsules
          def threads(config)
            config.respond_to?(:total_concurrency) ? config.total_concurrency : setting(config, :concurrency)
          end

          def shutdown_timeout(config)
            seconds = setting(config, :timeout)
            seconds * 1_000 if seconds.is_a?(Numeric) && seconds.positive?
          end
        end
      end
    end
  end
end
