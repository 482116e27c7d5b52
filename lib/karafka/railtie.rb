# frozen_string_literal: true

require "rails/railtie"
require_relative "embedded/rails_code"
require_relative "embedded/rails_listener"
require_relative "embedded/boot_file"

module Karafka
  # What Rails does for us, and we for Rails: its logger and environment, the boot file, code that reloads, its error
  # reporter. Consumers in `app/consumers` are found by Rails itself, as everything in a directory of `app` is.
  #
  # @api private
  class Railtie < ::Rails::Railtie
    railtie_name :karafka_embedded

    config.before_configuration do
      Karafka.env = ::Rails.env unless ENV.key?("KARAFKA_ENV")
    end

    initializer "karafka_embedded.logger", after: :initialize_logger do
      config = Karafka::App.config
      config.assign_default(:logger, ::Rails.logger) unless config.set_by_user?(:logger)
      Karafka.refresh!
    end

    initializer "karafka_embedded.code" do |app|
      Karafka::App.config.internal.code = Embedded::RailsCode.new(app)
    end

    # A stop that was cut short by SIGKILL is told at the next start
    initializer "karafka_embedded.state_path" do
      settings = Karafka::App.config.embedded
      directory = ::Rails.root.join("tmp")
      settings.assign_default(:state_path, directory.join("karafka_embedded.json")) if
        directory.writable? && !settings.set_by_user?(:state_path)
    end

    # The first time is after all initializers, where consumers can be named and their code may be reloaded; from then
    # on the file is there already.
    config.to_prepare do
      Embedded::BootFile.load(::Rails.root)
      Embedded::RailsListener.instance.watch(Karafka.monitor)
    end
  end
end
