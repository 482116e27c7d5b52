# frozen_string_literal: true

# Starts and stops with messages flowing, again and again, and tells what the process holds after each cycle

require_relative "prelude"
require_relative "holdings"
require_relative "reader"

Program.setup
Program.route(Program::OPTIONS.fetch(:topic), Reader)

Program::OPTIONS.fetch(:cycles).times do
  before = Reader.count
  Karafka::Embedded.start
  Program.eventually("consumption", within: 60) { Reader.count > before + 100 }
  clean = Karafka::Embedded.stop.clean?
  GC.start
  Program.tell(:cycle, clean: clean, **Holdings.now)
end
Holdings.await_rest
Program.tell(:done)
