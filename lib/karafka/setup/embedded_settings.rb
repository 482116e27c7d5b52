# frozen_string_literal: true

module Karafka
  module Setup
    # The settings of our own under `config.embedded`, and the environment variables that win over them, so that an
    # operator can change them without a deploy: `KARAFKA_EMBEDDED_SHUTDOWN_MARGIN=2000`.
    #
    # @api private
    module EmbeddedSettings
      # What each of them starts with
      DEFAULTS = {
        # ms kept free between the end of our stop and the end of the host's patience
        shutdown_margin: 1_000,
        # what happens after a crash: :restart, :stop_host, :report or something that responds to `call`
        crash_policy: :restart,
        # ms that an error which may heal stands before the policy :stop_host stops the host for it
        crash_patience: 30_000,
        # ms before the first restart after a crash; each further one within ten minutes waits twice as long
        crash_backoff: 1_000,
        # ms that a restart waits at most
        crash_backoff_limit: 60_000,
        # restarts within ten minutes, after which a crash is only reported; 0: none
        crash_restarts: 10,
        # ms that a thread of the engine, or work that waits for a worker, may stand still before the watchdog tells
        stall_timeout: 30_000,
        # percent of the host's time that the engine takes while the host's threads compete for the GVL
        host_share: 5,
        # bytes of messages fetched ahead, over all partitions
        prefetch_memory: 16 * 1024 * 1024,
        # ms between two commits of marked offsets, unless `auto.commit.interval.ms` is set; with the time that a commit
        # takes a crash repeats less than a second of work
        auto_commit_interval: 900,
        # file the engine's state is kept in for processes that look from outside
        state_path: nil,
        # what a start does in a master that is known to fork those who serve: :refuse, or :allow
        start_before_fork: :refuse,
        # where health is told over HTTP, for a process that serves none: "127.0.0.1:8080", or a port of the loopback
        health_address: nil
      }.freeze

      # Crash policies that have a name
      CRASH_POLICIES = %i[restart stop_host report].freeze

      class << self
        # @param name [Symbol] a setting
        # @return [String] the environment variable that wins over it
        def variable(name)
          "KARAFKA_EMBEDDED_#{name.upcase}"
        end

        # Writes what the environment says into the settings. What can not be read is written as it is, for the
        # contract to refuse.
        # @param node [Core::Configurable::Node] `config.embedded`
        def apply_environment(node)
          DEFAULTS.each do |name, default|
            value = ENV.fetch(variable(name), "")
            node.public_send(:"#{name}=", parse(value, default)) unless value.empty?
          end
        end

        private

        def parse(value, default)
          case default
          when Integer then Integer(value, 10, exception: false) || Float(value, exception: false) || value
          when Symbol then value.to_sym
          else value
          end
        end
      end
    end
  end
end
