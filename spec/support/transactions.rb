# frozen_string_literal: true

require "open3"
require_relative "../../bin/support/kafka/distribution"

# Produces in transactions, with Kafka's own load generator
module Transactions
  # Longer than any example
  OPEN_MS = 600_000
  JARS = File.expand_path("../../tmp/kafka", __dir__)
  private_constant :OPEN_MS, :JARS

  module_function

  # @param topic [String]
  # @param id [String] transactional id; whoever comes with it ends the transaction of who had it before
  # @param count [Integer] messages that are committed
  def commit(topic, id, count)
    out, status = Open3.capture2e(*command(topic, id, count))
    raise out unless status.success?
  end

  # Leaves a transaction behind that never ended
  # @param topic [String]
  # @param id [String]
  # @param least [Integer] messages in it
  def abandon(topic, id, least)
    before = KafkaServer.end_offset(topic, 0)
    pid = Process.spawn(*command(topic, id, 1_000_000, throughput: 50), out: File::NULL, err: File::NULL)
    Eventually.eventually("messages of a transaction", within: 60) do
      KafkaServer.end_offset(topic, 0) >= before + least
    end
  ensure
    Process.kill(:KILL, pid)
    Process.wait(pid)
  end

  def command(topic, id, count, throughput: -1)
    kafka = DevKafka::Distribution.new(JARS)
    kafka.fetch
    kafka.java(
      "org.apache.kafka.tools.ProducerPerformance",
      "--topic", topic, "--num-records", count.to_s, "--payload-monotonic", "--throughput", throughput.to_s,
      "--transactional-id", id, "--transaction-duration-ms", OPEN_MS.to_s,
      "--producer-props", "bootstrap.servers=#{KafkaServer.bootstrap}"
    )
  end
  private_class_method :command
end
