# frozen_string_literal: true

# A consumer that just works on its messages. When `consume` returns, the whole batch counts as consumed; when it
# raises, what was not marked comes again.
#
#     ruby examples/plain.rb

require_relative "support/example"

class OrdersConsumer < Karafka::BaseConsumer
  # Runs once, before the first batch of a partition
  def initialized
    puts "reading #{topic.name.split("-").first}, partition #{partition}"
  end

  def consume
    messages.each { |message| puts "order #{message.payload["number"]} at offset #{message.offset}" }
    Example.finish if messages.last.payload["number"] == 3
  end

  # Runs once, when the process stops
  def shutdown
    puts "no more orders"
  end
end

Example.setup
Karafka::App.routes.draw do
  topic(Example.topic("orders")) { consumer OrdersConsumer }
end

Example.produce("orders", '{"number":1}', '{"number":2}', '{"number":3}')
Example.run
