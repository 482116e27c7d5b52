# frozen_string_literal: true

# Has a job that runs while the process is suspended, and tells what the watchdog made of it

require_relative "prelude"

# Works until it is told to end
class Busy < Karafka::BaseConsumer
  class << self
    attr_accessor :entered, :over
  end

  def consume
    self.class.entered = true
    Program.eventually("end", within: 60) { self.class.over }
  end
end

errors = []
Program.setup { |config| config.embedded.stall_timeout = 2_000 }
Karafka.monitor.subscribe("error.occurred") { |event| errors << "#{event[:type]}: #{event[:error]}" }
Program.route(Program::OPTIONS.fetch(:topic), Busy)
Karafka::Embedded.start
Program.eventually("assignment") { Program.assigned.positive? }
Karafka.producer.produce_sync(topic: Program::OPTIONS.fetch(:topic), payload: "1")
Program.eventually("job") { Busy.entered }
Program.tell(:running)

Program.await_term
engine = Karafka::Embedded.runtime.engine
looks = engine.looks
Program.eventually("looks") { engine.looks >= looks + 2 }
Program.tell(:looked, stalls: Karafka::Embedded.health[:stalls], errors: errors.grep(/watchdog/))
Busy.over = true
Karafka::Embedded.stop
