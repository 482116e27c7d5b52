# frozen_string_literal: true

# A consumer that says itself how far it has come. Here the process stops in the middle; started again, it goes on
# behind the last message that was marked.
#
#     ruby examples/manual_offsets.rb

require_relative "support/example"

class PaymentsConsumer < Karafka::BaseConsumer
  def consume
    messages.each do |message|
      return interrupt if message.raw_payload == "3" && !self.class.interrupted

      puts "paid #{message.raw_payload}"
      # Stored at once, and committed within a second
      mark_as_consumed(message)
      Example.finish if message.raw_payload == "5"
    end
    # Waits for the broker to know
    puts "committed" if commit_offsets!
  end

  class << self
    attr_accessor :interrupted
  end

  private

  # Nothing but a mark moves the offset: what is behind it comes again
  def interrupt
    self.class.interrupted = true
    puts "interrupted"
    pause(:consecutive, 60_000)
    Example.finish
  end
end

Example.setup
Karafka::App.routes.draw do
  topic(Example.topic("payments")) do
    consumer PaymentsConsumer
    manual_offset_management true
  end
end

Example.produce("payments", "1", "2", "3", "4", "5")
2.times do
  puts "start"
  Example.run
end
