# frozen_string_literal: true

# Consumes, and writes each offset to a journal before it goes on, so that what a killed process had consumed is known.
# Each line is "PARTITION OFFSET MILLISECONDS STINT", where a stint is one assignment of a partition. A batch takes
# OPTIONS[:batch_ms] at least. Errors are complained of with the same clock.

require_relative "prelude"

JOURNAL = File.open(Program::OPTIONS.fetch(:journal), File::WRONLY | File::APPEND | File::CREAT)

# What consumes
class Journalist < Karafka::BaseConsumer
  PACE_S = Program::OPTIONS.fetch(:batch_ms) / 1_000.0
  STINTS = Queue.new
  STINTS << 1

  def initialized
    @stint = STINTS.pop
    STINTS << (@stint + 1)
  end

  def consume
    began = Program.now
    messages.each do |message|
      JOURNAL.syswrite("#{partition} #{message.offset} #{(Program.now * 1_000).round} #{@stint}\n")
    end
    # The pace of an application that has other things to wait for
    rest = began + PACE_S - Program.now
    sleep(rest) if rest.positive?
  end
end

Program.setup
Karafka.monitor.subscribe("error.occurred") do |event|
  warn "#{(Program.now * 1_000).round} #{event[:type]}: #{event[:error].message}"
end
Program.route(Program::OPTIONS.fetch(:topic), Journalist)
Karafka::Embedded.start
Program.eventually("assignment") { Program.assigned.positive? }
Program.tell(:assigned)

Program.await_term
Program.tell(:stopped, report: Karafka::Embedded.stop.to_h)
