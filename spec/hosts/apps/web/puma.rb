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
control = "unix://#{ENV.fetch("APP_DIRECTORY")}/control.sock"
activate_control_app(control, no_token: true) if ENV["APP_CONTROL"] == "1"

# Whatever the application does, Puma may wait for ever to close the pipe that it is signalled by while a handler still
# writes to it (Ruby 3.3). The plugin has the handler end first. Puma without it is to be compared for other things.
unless ENV.fetch("APP_CONSUME") == "plugin"
  Puma::Plugins.register("late", Class.new(Puma::Plugin) do
    def start(launcher)
      launcher.events.register(:state) { |state| sleep(0.1) if %i[stop restart halt].include?(state) }
    end
  end)
  plugin :late
end

# A handler that takes its time, and says then whether the pipe is still there
if ENV["APP_SLOW_SIGNALS"] == "1"
  require "puma/server"
  Puma::Server.prepend(Module.new do
    private

    def notify_safely(*)
      pipe = @notify
      super
      sleep(0.1) # A master signals its workers again after 200 ms
      Diary.write(:pipe, pipe.nil? || pipe.closed? ? "closed" : "open")
    end
  end)
end
