# frozen_string_literal: true

require_relative "support/base"
require_relative "support/counter"
require_relative "support/host"

module Bench
  # The longest gap of a Ruby thread that counts in a loop, while native calls run beside it; and that of a control
  # without the engine over the same times. Consumers do no Ruby work but what is measured.
  class Stall < Base
    TOPIC = "bench-stall"
    GROWTH_MS = 20
    NOWHERE = "127.0.0.1:1"
    IDLE = 2
    JOB = 1.5
    MARKS = 100

    def run
      Tools.fill(@servers, TOPIC, 2, 2)
      pairs = Array.new(@options.runs) do
        ours = Host.run { with_engine }
        [ours, Host.run { without_engine(ours) }]
      end
      pairs.first.first.each_key { |phase| report(phase, pairs) }
    end

    private

    # `floor` is the control
    def report(phase, pairs)
      ours, control = pairs.transpose.map { |runs| Figures.median(runs.map { |run| run.fetch(phase)[:gap_ms] }) }
      @reporter.add(phase.to_s.tr("_", " "), value: ours, unit: "ms", floor: control,
                                             max_ms: pairs.map { |run, _| run.fetch(phase)[:gap_ms] }.max,
                                             wanted: { value: ..(control + GROWTH_MS).round(1) })
    end

    def with_engine
      Host.load
      @counter = Counter.new
      @group = Host.draw(@servers, TOPIC, Consumers::Obedient)
      {
        start_to_first_message: watch { start },
        poll: watch { sleep(IDLE) },
        mark_as_consumed!: watch { mark },
        rebalance_behind_a_job: watch { rebalance },
        stop: watch { Karafka::Embedded.stop },
        unreachable_broker: unreachable
      }
    end

    def without_engine(ours)
      @counter = Counter.new
      ours.transform_values { |phase| watch { sleep(phase[:seconds]) } }
    end

    def watch(&block)
      began = Figures.now
      { gap_ms: @counter.longest_gap_ms(&block), seconds: Figures.now - began }
    end

    def start
      first = Thread::Queue.new
      Consumers::Obedient.told = ->(*) { first << true }
      Karafka::Embedded.start
      first.pop
    end

    def mark
      marked = Thread::Queue.new
      Consumers::Obedient.told = ->(consumer, message) { marked << consumer.mark_as_consumed!(message) }
      sender = Tools.send_paced(@servers, TOPIC, 2, MARKS, 5)
      MARKS.times { marked.pop }
      Process.wait(sender)
    end

    # Another member comes while a job runs, and goes again
    def rebalance
      began = Thread::Queue.new
      Consumers::Obedient.told = ->(*) { sleep((began << true) && JOB) }
      Process.wait(Tools.send_paced(@servers, TOPIC, 2, 2, 0))
      began.pop
      other = Tools.join_group(@servers, TOPIC, @group)
      Thread.pass until assigned == 1
      Process.kill(:TERM, other)
      Process.wait(other)
    end

    def assigned = Karafka::Embedded.health[:groups].sum { |group| group[:assigned].size }

    def unreachable
      Host.draw(NOWHERE, TOPIC, Consumers::Obedient)
      watch do
        Karafka::Embedded.start
        sleep(IDLE)
        Karafka::Embedded.stop
      end
    end
  end
end
