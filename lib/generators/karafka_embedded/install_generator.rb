# frozen_string_literal: true

require "rails/generators/base"

module KarafkaEmbedded
  # Rails' generators of this gem
  module Generators
    # `rails generate karafka_embedded:install`: a boot file, a consumer with its spec or test, a line for Puma and a
    # route to the health of the consumers. What is there already stays as it is.
    class InstallGenerator < ::Rails::Generators::Base
      PUMA = "config/puma.rb"
      PLUGIN = "plugin :karafka_embedded"
      private_constant :PUMA, :PLUGIN

      source_root File.expand_path("templates", __dir__)

      class_option :topic, type: :string, default: "example", desc: "Topic that the first consumer reads"

      # The routes and settings
      def create_boot_file
        template "karafka.rb.tt", "karafka.rb"
      end

      # What consumers inherit from, and the first of them
      def create_consumers
        template "application_consumer.rb.tt", "app/consumers/application_consumer.rb"
        template "consumer.rb.tt", "app/consumers/#{consumer_file}.rb"
      end

      # Where the application keeps such things
      def create_spec
        if rspec?
          template "consumer_spec.rb.tt", "spec/consumers/#{consumer_file}_spec.rb"
        else
          template "consumer_test.rb.tt", "test/consumers/#{consumer_file}_test.rb"
        end
      end

      # Puma starts the consumers, and stops them
      def add_puma_plugin
        unless File.exist?(File.join(destination_root, PUMA))
          say_status :skip, "#{PUMA} is not there: start and stop are up to you", :yellow
          return
        end

        append_to_file PUMA, <<~RUBY

          # Consumers run in this process, see karafka.rb
          #{PLUGIN}
        RUBY
      end

      # For probes: /karafka/status, /karafka/status/started, /karafka/status/connected, /karafka/status/live
      def add_health_route
        route 'mount Karafka::Embedded::Health => "/karafka"'
      end

      private

      def topic
        options.fetch(:topic)
      end

      def consumer_file
        "#{topic.underscore.tr(".-", "__")}_consumer"
      end

      def consumer_name
        consumer_file.camelize
      end

      def application_name
        ::Rails.application.class.name.split("::").first.underscore
      end

      def rspec?
        File.directory?(File.join(destination_root, "spec"))
      end
    end
  end
end
