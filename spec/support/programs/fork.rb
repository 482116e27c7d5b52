# frozen_string_literal: true

# A running engine whose process forks. The child exits, starts an engine of its own, or is killed.

require_relative "prelude"

# Tells what it consumes, and in which process
class Witness < Karafka::BaseConsumer
  class << self
    attr_accessor :seen
  end

  def consume
    messages.each { |message| Program.tell(:consumed, pid: Process.pid, payload: message.raw_payload) }
    self.class.seen = true
  end
end

# What the forked process does
module Child
  module_function

  # Everything that a finalizer or a hook may touch is collected on the way out
  def exits
    GC.start
    Program.tell(:child, state: Karafka::Embedded.state, report: Karafka::Embedded.stop.inspect,
                         health: Karafka::Embedded.health)
  end

  def starts
    Karafka::App.routes.clear
    Program.route(Program::OPTIONS.fetch(:child_topic), Witness, group: "#{Program::OPTIONS.fetch(:group)}-child")
    Karafka::Embedded.start
    Program.tell(:child, state: Karafka::Embedded.state, pid: Process.pid)
    Program.eventually("message of the child") { Witness.seen }
    Program.tell(:child_stopped, clean: Karafka::Embedded.stop.clean?)
  end

  def waits
    Program.tell(:child, pid: Process.pid)
    sleep
  end
end

Program.setup
Program.route(Program::OPTIONS.fetch(:topic), Witness)
Karafka::Embedded.start
Program.eventually("assignment") { Program.assigned.positive? }
Program.tell(:running, pid: Process.pid)

3.times do
  pid = fork { Child.public_send(Program::OPTIONS.fetch(:child)) }
  if Program::OPTIONS.fetch(:child) == "waits"
    Program.tell(:forked, pid: pid)
    sleep(0.05)
    Process.kill(:KILL, pid)
  end
  _, status = Process.wait2(pid)
  Program.tell(:child_ended, success: status.success?, signal: status.termsig)
end

Program.await_term
Program.tell(:stopped, state_before: Karafka::Embedded.state, healthy: Karafka::Embedded.healthy?,
                       clean: Karafka::Embedded.stop.clean?)
