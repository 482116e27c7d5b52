# frozen_string_literal: true

# A consumer that goes back: first to where a time was, then to the beginning.
#
#     ruby examples/seek.rb
#
# The broker that an example brings where KAFKA_BOOTSTRAP_SERVERS names none does not know times, and goes near the end.

require_relative "support/example"

class PricesConsumer < Karafka::BaseConsumer
  # What to do when the last price was read, in this order
  def initialized
    @places = [Example::NEW_YEAR, :earliest]
  end

  def consume
    puts messages.raw_payloads.join(" ")
    return unless messages.last.raw_payload == "c"

    place = @places.shift
    return Example.finish unless place

    puts "back to #{place == :earliest ? "the beginning" : place.year}"
    # What was marked so far is forgotten: these messages will be marked again
    seek(place)
  end
end

module Example
  NEW_YEAR = Time.utc(2024)
end

# A price a message, so that the example does not depend on how they arrive
Example.setup { |config| config.max_messages = 1 }
Karafka::App.routes.draw do
  topic(Example.topic("prices")) { consumer PricesConsumer }
end

{ "a" => Time.utc(2023, 7), "b" => Time.utc(2024, 2), "c" => Time.utc(2024, 3) }.each do |price, time|
  Karafka.producer.produce_sync(topic: Example.topic("prices"), payload: price, partition: 0, timestamp: time)
end
Example.run
