# frozen_string_literal: true

require "open3"
require "securerandom"
require_relative "../../bin/support/kafka/cluster"

# The real brokers of spec/kafka: the one that KAFKA_BOOTSTRAP_SERVERS names, and clusters of an example's own where
# brokers are killed or paused.
module KafkaServer
  BIN = File.expand_path("../../bin/kafka", __dir__)
  CLUSTERS = File.expand_path("../../tmp/kafka", __dir__)
  TIMEOUT_S = 20
  private_constant :BIN, :CLUSTERS, :TIMEOUT_S

  module_function

  # @return [String]
  def bootstrap
    ENV.fetch("KAFKA_BOOTSTRAP_SERVERS") do
      raise "spec/kafka wants a broker: bin/test kafka, or KAFKA_BOOTSTRAP_SERVERS=…"
    end
  end

  # Makes a topic and waits until it can be used
  # @return [String] its name
  def create_topic(prefix = "topic", partitions: 1, replication: 1, servers: bootstrap)
    name = "#{prefix}-#{SecureRandom.hex(4)}"
    wire(servers) do |wire|
      wire.create_topic(name, partitions: partitions, replication: replication)
      Eventually.eventually("leaders of #{name}", within: TIMEOUT_S) { wire.led?(name) }
    end
    name
  end

  # @return [Integer, nil] where a group goes on; nil when it has committed nothing
  def committed(group, topic, partition, servers: bootstrap)
    wire(servers) { |wire| wire.committed(group, topic, partition) }
  end

  # @return [Integer] the offset behind the last message, whether that is committed or not
  def end_offset(topic, partition, servers: bootstrap)
    wire(servers) { |wire| wire.end_offset(topic, partition) }
  end

  # @yieldparam wire [DevKafka::Wire] connected to the first broker
  def wire(servers = bootstrap, &block)
    host, port = servers.split(",").first.split(":")
    DevKafka::Wire.open(host, port.to_i, timeout: TIMEOUT_S, &block)
  end

  # A cluster that an example may treat as it likes
  class Own
    # @param brokers [Integer] 1 or 3
    # @param set [Hash{String => Object}] properties of the brokers
    # @yieldparam own [Own] stopped and deleted afterwards
    def self.open(brokers: 1, set: {})
      own = start("--brokers", brokers.to_s, *set.flat_map { |name, value| ["--set", "#{name}=#{value}"] })
      yield own
    ensure
      own&.finish
    end

    # @param options [Array<String>] for bin/kafka
    # @return [Own] to be finished
    def self.start(*options)
      DevKafka::Cluster.sweep(CLUSTERS, "spec")
      new("spec-#{::Process.pid}").tap { |own| own.command("start", "--ports", "auto", "--fresh", *options) }
    end

    # Stops and deletes it
    def finish
      command("resume", check: false)
      command("stop", "--clean")
    end

    def initialize(name)
      @name = name
    end

    # @return [String]
    def bootstrap
      @bootstrap ||= command("bootstrap")[/^bootstrap\.servers=(.+)$/, 1]
    end

    # @return [Array<String>] the command that runs one of Kafka's own tools on it
    def tool(*words)
      [BIN, "--name", @name, "tool", *words]
    end

    # @return [DevKafka::Cluster] for what a command would take long for
    def cluster = @cluster ||= DevKafka::Cluster.new(CLUSTERS, @name)

    # @param broker [Integer] the brokers' numbers begin with 1
    def kill(broker = 1) = command("kill", broker.to_s)
    def pause = command("pause")
    def resume = command("resume")
    # @param broker [Integer]
    def start_again(broker = 1) = command("start-broker", broker.to_s)

    # @api private
    def command(*words, check: true)
      out, status = Open3.capture2e(BIN, *words, "--name", @name)
      raise "bin/kafka #{words.join(" ")}: #{out}" if check && !status.success?

      out
    end
  end
end
