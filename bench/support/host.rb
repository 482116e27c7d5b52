# frozen_string_literal: true

require "json"
require_relative "figures"
require_relative "tools"

module Bench
  # A process that embeds the engine, as a web server would.
  module Host
    LIBRARY = File.expand_path("../../lib", __dir__)

    module_function

    # Runs the block in a fork, so that every run begins in a fresh process: the parent never loads the gem.
    # @return [Object] what the block returned, through JSON
    def run
      reader, writer = IO.pipe
      child = fork do
        reader.close
        writer.write({ result: yield }.to_json)
        writer.close
        exit!(0)
      rescue Exception => e # rubocop:disable Lint/RescueException -- a fork must not run on into its parent's code
        warn e.full_message
        exit!(1)
      end
      writer.close
      told = reader.read
      Process.wait(child)
      raise Failure, "the measured process failed" if told.empty?

      JSON.parse(told, symbolize_names: true).fetch(:result)
    end

    # Loads the gem and what consumes for the benches; not Rails, which would be there wherever it is installed
    def load
      ENV["KARAFKA_REQUIRE_RAILS"] = "false"
      $LOAD_PATH.unshift(LIBRARY) unless $LOAD_PATH.include?(LIBRARY)
      require "karafka_embedded"
      require_relative "consumers"
    end

    # Sets the application up with defaults, but for what is named, and routes a topic in a group of its own
    # @return [String] id of the group
    def draw(servers, topic_name, consumer_class, **settings)
      group = "bench-#{Process.pid}-#{@groups = (@groups || 0) + 1}"
      Karafka::App.setup do |config|
        config.kafka = { "bootstrap.servers": servers }
        config.client_id = "bench"
        config.logger = Logger.new($stderr, level: Logger::ERROR)
        settings.each { |name, value| config.public_send(:"#{name}=", value) }
      end
      Karafka::App.routes.redraw do
        consumer_group(group) { topic(topic_name) { consumer consumer_class } }
      end
      group
    end
  end
end
