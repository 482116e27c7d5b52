# frozen_string_literal: true

require "English"
require_relative "tools"

module Bench
  # The broker to measure on
  module Broker
    COMMAND = File.expand_path("../../bin/kafka", __dir__)

    module_function

    # @yieldparam servers [String] bootstrap.servers
    def with(&block)
      named = ENV.fetch("KAFKA_BOOTSTRAP_SERVERS", "")
      named.empty? ? started(&block) : yield(named)
    end

    # Of a name of its own: two runs in one checkout don't stop each other's broker
    def started
      system(COMMAND, "sweep", "bench")
      name = "bench-#{Process.pid}"
      told = IO.popen([COMMAND, "start", "--ports", "auto", "--name", name, "--fresh"], &:read)
      raise Failure, "no broker" unless $CHILD_STATUS.success?

      yield told[/^bootstrap.servers=(.+)$/, 1]
    ensure
      stop(name) if name
    end

    def stop(name) = system(COMMAND, "stop", "--clean", "--name", name, out: File::NULL)
  end
end
