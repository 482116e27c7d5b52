# frozen_string_literal: true

# A consumer that knows how far behind it is. librdkafka's statistics of its partition are at hand, renewed as often as
# `statistics.interval.ms` says.
#
#     ruby examples/insights.rb

require_relative "support/example"

class ClicksConsumer < Karafka::BaseConsumer
  def consume
    # Empty until there are statistics, and without an end until the broker has told it
    return pause(messages.first.offset, 100) unless insights.fetch("hi_offset", -1).positive?

    puts "partition #{partition} ends at offset #{insights.fetch("hi_offset")}, we are at #{messages.last.offset}"
    Example.finish
  end
end

Example.setup(kafka: { "statistics.interval.ms": 200 })
Karafka::App.routes.draw do
  topic(Example.topic("clicks")) do
    consumer ClicksConsumer
    inline_insights true
  end
end

Example.produce("clicks", "x", "y", "z")
Example.run
