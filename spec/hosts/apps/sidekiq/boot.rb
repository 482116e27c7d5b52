# frozen_string_literal: true

# Sidekiq with jobs that say that they began, and that they are done

require "sidekiq"
require_relative "../karafka"

class Toil
  include(defined?(Sidekiq::Job) ? Sidekiq::Job : Sidekiq::Worker)

  WORK_S = Float(ENV.fetch("APP_JOB_S", "0.05"))

  def perform(number)
    sleep(WORK_S)
    Diary.write(:jobs, number)
  end
end

Sidekiq.configure_server do |config|
  config.redis = { url: ENV.fetch("APP_REDIS") }
  case ENV.fetch("APP_CONSUME")
  when "call" then Karafka::Embedded.sidekiq(config)
  when "hooks"
    # As it is documented for the framework
    config.on(:startup) { Karafka::Embedded.start }
    config.on(:quiet) { Karafka::Embedded.quiet }
    config.on(:shutdown) { Karafka::Embedded.stop }
  end
  # The application's own hook has its say too
  config.on(:startup) { Diary.write(:hooks, "startup") }
  config.capsule("slow") { |capsule| capsule.queues = %w[slow] } if ENV["APP_CAPSULES"] == "2"
end
