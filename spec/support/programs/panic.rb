# frozen_string_literal: true

# Provokes a fault of the engine, and goes on living

require_relative "prelude"

Program.setup
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

fault = Program::OPTIONS.fetch(:fault).to_sym
unless fault == :binding_panic
  Karafka::Embedded.runtime.engine.provoke(fault)
  Program.eventually("crash and its report") do
    Karafka::Embedded.state == :crashed && Karafka::Embedded.health[:reasons].size > 1
  end
  Program.tell(:crashed, health: Karafka::Embedded.health)
end

Program.await_term
Program.tell(:state, state: Karafka::Embedded.state)
report = Karafka::Embedded.stop(timeout: 5_000)
Program.tell(:stopped, state: Karafka::Embedded.state, report: report.to_h)
Karafka::Embedded.start
Program.eventually("assignment after the fault", within: 60) { Program.assigned.positive? }
Program.tell(:running_again, health: Karafka::Embedded.health, clean: Karafka::Embedded.stop.clean?)
