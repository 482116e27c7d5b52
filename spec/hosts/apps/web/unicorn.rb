# frozen_string_literal: true

listen "127.0.0.1:#{ENV.fetch("PORT")}"
worker_processes Integer(ENV.fetch("APP_WORKERS"))
timeout 60

if ENV.fetch("APP_BOOT") == "preload"
  preload_app true
  after_fork { |_server, _worker| Karafka::Embedded.after_fork }
else
  # Workers load the application after `after_fork`
  after_worker_ready { |_server, _worker| Karafka::Embedded.after_fork }
end
