# frozen_string_literal: true

# Crashes with messages flowing, again and again; a policy starts it again. Tells what the process holds after each.

require_relative "prelude"
require_relative "holdings"
require_relative "reader"

# The crashes are the point, and not to be read
Karafka.monitor.subscribe("error.occurred") { nil }
Program.setup do |config|
  config.logger = Logger.new($stderr, level: Logger::FATAL)
  config.embedded.crash_backoff = 1
  config.embedded.crash_backoff_limit = 5
  config.embedded.crash_restarts = 1_000_000
end
Program.route(Program::OPTIONS.fetch(:topic), Reader)
Karafka::Embedded.start

Program::OPTIONS.fetch(:cycles).times do |n|
  before = Reader.count
  Program.eventually("consumption", within: 60) { Reader.count > before }
  Program.eventually("health", within: 60) { Karafka::Embedded.healthy? }
  GC.start
  Program.tell(:cycle, restarts: Karafka::Embedded.health[:restarts], **Holdings.now)
  Karafka::Embedded.runtime.engine.provoke(:crash)
  Program.eventually("restart", within: 60) { Karafka::Embedded.health[:restarts] == n + 1 }
end
clean = Karafka::Embedded.stop.clean?
Holdings.await_rest
Program.tell(:done, clean: clean)
