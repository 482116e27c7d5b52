# frozen_string_literal: true

# Provokes a fault of the engine, and goes on living

require_relative "prelude"

Program.setup { |config| config.embedded.crash_policy = :report }
Karafka.monitor.subscribe("error.occurred") do |event|
  Program.tell(:error, type: event[:type], class: event[:error].class.name, message: event[:error].message)
end

# Provokes the fault of the binding where it is met: in a job, on a worker
class Consumer < Karafka::BaseConsumer
  def consume
    first = attempt == 1
    Karafka::Embedded.runtime.engine.provoke(:binding_panic) if first && messages.first.raw_payload == "panic"
    messages.each { |message| Program.tell(:consumed, payload: message.raw_payload) }
  end
end

Program.route(Program::OPTIONS.fetch(:topic), Consumer)
Karafka::Embedded.start
Program.eventually("assignment") { Program.assigned.positive? }
Program.tell(:running)

# What is to be seen of each fault
module Fault
  module_function

  def binding_panic; end

  def control_panic
    provoke(:control_panic)
    Program.eventually("crash and its report") do
      Karafka::Embedded.state == :crashed && Karafka::Embedded.health[:reasons].size > 1
    end
    Program.tell(:crashed, health: Karafka::Embedded.health)
  end

  def poll_panic
    lose_client(:poll_panic)
  end

  def fatal_error
    lose_client(:fatal_error)
  end

  def lose_client(fault)
    provoke(fault)
    Program.eventually("failure") { Karafka::Embedded.health[:groups].first[:critical_error] }
    Program.tell(:failed, health: Karafka::Embedded.health)
    Program.eventually("new client") { Karafka::Embedded.healthy? }
    Program.tell(:healed, health: Karafka::Embedded.health)
  end

  def provoke(fault)
    Karafka::Embedded.runtime.engine.provoke(fault)
  end
end

Karafka.monitor.subscribe("client.reset") { |event| Program.tell(:reset, client: event[:caller].name) }
Fault.public_send(Program::OPTIONS.fetch(:fault))

Program.await_term
Program.tell(:state, state: Karafka::Embedded.state)
report = Karafka::Embedded.stop(timeout: 5_000)
Program.tell(:stopped, state: Karafka::Embedded.state, report: report.to_h)
Karafka::Embedded.start
Program.eventually("assignment after the fault", within: 60) { Program.assigned.positive? }
Program.tell(:running_again, health: Karafka::Embedded.health, clean: Karafka::Embedded.stop.clean?)
