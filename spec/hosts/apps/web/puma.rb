# frozen_string_literal: true

bind "tcp://127.0.0.1:#{ENV.fetch("PORT")}"
threads 5, 5

processes = Integer(ENV.fetch("APP_WORKERS"))
workers processes
case ENV.fetch("APP_BOOT")
when "preload" then preload_app!
when "fork_worker"
  preload_app! false
  fork_worker(0)
else preload_app! false
end
patience = Integer(ENV.fetch("APP_SHUTDOWN_TIMEOUT", "30"))
processes.positive? ? worker_shutdown_timeout(patience) : force_shutdown_after(patience)

case ENV.fetch("APP_CONSUME")
when "plugin"
  plugin :karafka_embedded
  karafka_embedded boot_failure: ENV.fetch("APP_BOOT_FAILURE").to_sym if ENV.key?("APP_BOOT_FAILURE")
when "hooks"
  # As it is documented for the framework, under the names of this Puma
  named = ->(new, old) { method(respond_to?(new) ? new : old) }
  named.call(:before_worker_boot, :on_worker_boot).call { Karafka::Embedded.start }
  named.call(:before_worker_shutdown, :on_worker_shutdown).call { Karafka::Embedded.stop }
end
# Only who asks for it has one: on TERM the control server of Puma 8.0 may wait for ever to close its pipe in single
# mode, whatever the application does (Ruby 3.3).
control = "unix://#{ENV.fetch("APP_DIRECTORY")}/control.sock"
activate_control_app(control, no_token: true) if ENV["APP_CONTROL"] == "1"
