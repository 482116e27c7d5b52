# frozen_string_literal: true

# Puma with Karafka in it, for Puma 5.6 to 8. Puma 7 renamed its hooks, so they are looked up here by both names; with
# one version in mind, write its own: `before_worker_boot { Karafka::Embedded.start }`.
named = ->(new, old) { method(respond_to?(new) ? new : old) }

bind "tcp://127.0.0.1:#{ENV.fetch("PORT", 9292)}"
threads 5, 5

processes = Integer(ENV.fetch("WEB_CONCURRENCY", 0))
workers processes

if processes.positive?
  # Cluster mode: the workers consume, their master does not. The application is loaded before the fork: without that,
  # a worker's boot hook would run before it, and know no routes.
  preload_app!

  named.call(:before_worker_boot, :on_worker_boot).call { Karafka::Embedded.start }
  # The worker has answered its last request by then.
  named.call(:before_worker_shutdown, :on_worker_shutdown).call { Karafka::Embedded.stop }
else
  # Single mode: the process consumes once it serves. A plugin hears of that in each version; from Puma 6 on this file
  # can say it in a line, `on_booted { ... }` (7: `after_booted`).
  Puma::Plugins.register("consumers", Class.new(Puma::Plugin) do
    def start(launcher)
      booted = launcher.events.respond_to?(:after_booted) ? :after_booted : :on_booted
      launcher.events.public_send(booted) do
        Karafka::Embedded.start
        # Puma's own event for the end is too early: on TERM it comes before the last requests were answered.
        at_exit { Karafka::Embedded.stop }
      end
    end
  end)
  plugin "consumers"

  # A hot restart (USR2) replaces the process in place, and at_exit never comes.
  named.call(:before_restart, :on_restart).call { Karafka::Embedded.stop }
end
