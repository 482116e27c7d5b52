# frozen_string_literal: true

# A host that is busy with requests, and starts and stops consumers when it is told to.
$LOAD_PATH.unshift(File.expand_path("../../../lib", __dir__))
require "json"
require "logger"
require "karafka_embedded"
require_relative "../latency_log"

# What the consumer saw: how many messages, and when
class Seen
  def initialize
    @batches = Thread::Queue.new
  end

  def add(count) = @batches << [Process.clock_gettime(Process::CLOCK_MONOTONIC), count]

  # @return [Array<Array(Float, Integer)>] clock and messages of each batch since the last call
  def take = Array.new(@batches.size) { @batches.pop }
end

SEEN = Seen.new
# A page's worth of work: about a millisecond of Ruby
DOCUMENT = JSON.generate(Array.new(120) { |n| { id: n, name: "order #{n}", lines: [1, 2.5, "three"], open: n.even? } })

class CountingConsumer < Karafka::BaseConsumer
  def consume
    messages.each { |message| message.raw_payload.bytesize }
    SEEN.add(messages.size)
  end
end

def start(topic_name)
  group = "bench-host-#{Process.pid}-#{Process.clock_gettime(Process::CLOCK_MONOTONIC, :millisecond)}"
  Karafka::App.setup do |config|
    config.kafka = { "bootstrap.servers": ENV.fetch("KAFKA_BOOTSTRAP_SERVERS") }
    config.logger = Logger.new($stderr, level: Logger::ERROR)
    config.initial_offset = ENV.fetch("INITIAL_OFFSET", "earliest")
  end
  Karafka::App.routes.redraw { consumer_group(group) { topic(topic_name) { consumer CountingConsumer } } }
  Karafka::Embedded.start
  "started"
end

ANSWERS = {
  "/" => -> { JSON.generate(JSON.parse(DOCUMENT)) },
  "/start" => ->(topic) { start(topic) },
  "/stop" => -> { JSON.generate(Karafka::Embedded.stop&.to_h) },
  "/seen" => -> { JSON.generate(SEEN.take) },
  "/health" => -> { JSON.generate(Karafka::Embedded.health) }
}.freeze

run(lambda do |env|
  answer = ANSWERS.fetch(env["PATH_INFO"])
  body = answer.arity.zero? ? answer.call : answer.call(env["QUERY_STRING"])
  [200, { "content-type" => "application/json" }, [body.to_s]]
end)
