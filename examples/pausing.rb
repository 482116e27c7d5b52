# frozen_string_literal: true

# A consumer whose messages need a service that is down for a while. It pauses its partition and asks again later;
# other partitions go on meanwhile.
#
#     ruby examples/pausing.rb

require_relative "support/example"

# Answers from the third call on
class Printer
  def initialize
    @calls = 0
  end

  def up?
    (@calls += 1) >= 3
  end
end

class LabelsConsumer < Karafka::BaseConsumer
  def initialized
    @printer = Printer.new
  end

  def consume
    messages.each do |message|
      unless @printer.up?
        puts "printer is down, waiting with offset #{message.offset}"
        # Delivered again from this message on, 200 ms later. A batch that pauses does not mark itself.
        return pause(message.offset, 200)
      end

      puts "printed #{message.raw_payload}"
      mark_as_consumed(message)
    end
    Example.finish
  end
end

Example.setup
Karafka::App.routes.draw do
  topic(Example.topic("labels")) { consumer LabelsConsumer }
end

Example.produce("labels", "a", "b")
Example.run
