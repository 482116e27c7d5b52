# frozen_string_literal: true

require "open3"
require "securerandom"
require_relative "../../bin/support/kafka/wire"

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
  def create_topic(prefix = "topic", partitions: 1, servers: bootstrap)
    name = "#{prefix}-#{SecureRandom.hex(4)}"
    host, port = servers.split(",").first.split(":")
    DevKafka::Wire.open(host, port.to_i, timeout: TIMEOUT_S) do |wire|
      wire.create_topic(name, partitions: partitions, replication: 1)
      Eventually.eventually("leaders of #{name}", within: TIMEOUT_S) { wire.led?(name) }
    end
    name
  end

  # A cluster of one broker that an example may treat as it likes
  class Own
    # @yieldparam own [Own] stopped and deleted afterwards
    def self.open
      sweep
      own = new("spec-#{::Process.pid}")
      own.command("start", "--ports", "auto", "--fresh")
      yield own
    ensure
      own&.command("resume", check: false)
      own&.command("stop", "--clean")
    end

    # A run that was killed could not stop its cluster
    def self.sweep
      Dir.glob(File.join(CLUSTERS, "spec-*")).each do |directory|
        ::Process.kill(0, File.basename(directory).delete_prefix("spec-").to_i)
      rescue Errno::ESRCH
        new(File.basename(directory)).command("stop", "--clean")
      end
    end
    private_class_method :sweep

    def initialize(name)
      @name = name
    end

    # @return [String]
    def bootstrap
      @bootstrap ||= command("bootstrap").strip.lines.last.strip.delete_prefix("bootstrap.servers=")
    end

    def kill = command("kill")
    def pause = command("pause")
    def resume = command("resume")
    def start_again = command("start-broker")

    # @api private
    def command(*words, check: true)
      out, status = Open3.capture2e(BIN, *words, "--name", @name)
      raise "bin/kafka #{words.join(" ")}: #{out}" if check && !status.success?

      out
    end
  end
end
