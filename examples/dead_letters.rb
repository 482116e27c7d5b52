# frozen_string_literal: true

# A consumer with a message that it can not work on. After two more tries that message goes to another topic, and the
# rest of the partition goes on.
#
#     ruby examples/dead_letters.rb

require_relative "support/example"

class InvoicesConsumer < Karafka::BaseConsumer
  def consume
    messages.each do |message|
      puts "try #{attempt}: #{message.raw_payload}"
      message.payload.fetch("amount")
      # Marked, so that it is not repeated when the next one fails
      mark_as_consumed(message)
      Example.finish if message.payload["last"]
    end
  end
end

# Somebody should look at these
class DeadInvoicesConsumer < Karafka::BaseConsumer
  def consume
    messages.each { |message| puts "dead: #{message.raw_payload}" }
  end
end

Example.setup { |config| config.pause.timeout = 50 }
Karafka::App.routes.draw do
  topic(Example.topic("invoices")) do
    consumer InvoicesConsumer
    dead_letter_queue(
      topic: Example.topic("dead_invoices"), max_retries: 2,
      # The broker has the copy before the message is given up
      dispatch_method: :produce_sync
    )
  end

  # For the dead the payload stays as it is
  consumer_group Example.topic("undertaker") do
    topic(Example.topic("dead_invoices")) { consumer DeadInvoicesConsumer }
  end
end

Karafka.monitor.subscribe("dead_letter_queue.dispatched") { |event| puts "gave up offset #{event[:message].offset}" }

Example.produce("dead_invoices", '{"so":"that there is such a topic"}')
Example.produce("invoices", '{"amount":1}', '{"amuont":2}', '{"amount":3,"last":true}')
Example.run
