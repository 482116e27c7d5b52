# frozen_string_literal: true

module Karafka
  module Embedded
    # What a program calls once, instead of writing hooks: in Sidekiq, in Passenger, in a script, in a server that
    # forks. Puma has a plugin, `plugin :karafka_embedded`.
    module Hosting
      # Consumes in this process as long as the Sidekiq server does: from its start on, quiet with it, stopped within
      # its `timeout`. A failure to start ends Sidekiq's boot.
      # @param config [Object] what `configure_server` or `configure_embed` yields
      # @return [nil]
      # @example
      #   Sidekiq.configure_server { |config| Karafka::Embedded.sidekiq(config) }
      def sidekiq(config)
        Hosts::Sidekiq.attach(config)
      end

      # Consumes in each of Passenger's worker processes, spawned smartly or directly. Call it where the application is
      # loaded, in `config.ru` say. In another server it does nothing.
      # @return [Boolean] does Passenger serve this process
      # @example config.ru
      #   Karafka::Embedded.passenger
      def passenger
        Hosts::Passenger.attach
      end

      # Consumes while the block runs. It ends with the block, however that does: TERM and Ctrl-C end it with an
      # exception. Where consumers run already, it only runs the block.
      # @param timeout [Integer, nil] as in {Embedded.stop}
      # @return [Object] what the block returned
      # @example
      #   Karafka::Embedded.run_with { Import.run }
      def run_with(timeout: nil)
        started = start
        yield
      ensure
        stop(timeout: timeout) if started
      end

      # Consumes from now until the process exits. Meant for programs and for code that they share with consoles, rake
      # tasks, generators and Spring: there it does nothing unless it is told to. Rails loads `karafka.rb` after its
      # initializers, so there it is called in `config.after_initialize`.
      # @param tools [Symbol] in those: `:skip`, or `:start`
      # @return [Thread, nil] as from {Embedded.start}; nil where it did nothing
      # @example
      #   Karafka::Embedded.run_until_exit
      # @example config/application.rb
      #   config.after_initialize { Karafka::Embedded.run_until_exit }
      def run_until_exit(tools: :skip)
        return if tools == :skip && Tool.name

        stop_at_exit
        start
      end

      # Consumes in this process, which was forked: for servers that fork workers (Unicorn, Pitchfork, Falcon, yours).
      # Stops when it exits; where the server has a hook for the end of a worker, call {Embedded.stop} there. A producer
      # that the parent used is replaced by one with the same settings: a connection can't be inherited.
      # @return [Thread, nil] as from {Embedded.start}
      # @example config/unicorn.rb
      #   after_fork { |_server, _worker| Karafka::Embedded.after_fork }
      def after_fork
        App.config.assign_default(:producer, App.producer.renewed) if App.producer&.inherited?
        stop_at_exit
        start
      end

      private

      # A fork inherits the handler, and has nothing to stop unless it starts something
      def stop_at_exit
        return if @stops_at_exit == ::Process.pid

        @stops_at_exit = ::Process.pid
        at_exit { stop }
      end
    end
  end
end
