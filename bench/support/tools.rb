# frozen_string_literal: true

require "English"
require "fileutils"
require "json"
require "rbconfig"

module Bench
  # Something that a bench needs didn't work
  class Failure < StandardError
  end

  # The compiled helpers: examples of the engine's crate
  module Tools
    ROOT = File.expand_path("../..", __dir__)
    RELEASE = File.join(ENV.fetch("CARGO_TARGET_DIR", File.join(ROOT, "target")), "release")
    BINARIES = File.join(RELEASE, "examples")

    module_function

    # Figures are of use from a release build only
    def build
      Dir.chdir(ROOT) do
        run(RbConfig.ruby, "-S", "rake", "compile", out: $stderr)
        run("cargo", "build", "--quiet", "--release", "--locked", "-p", "karafka_engine", "--example", "floor",
            "--example", "produce", out: $stderr)
      end
    end

    # Whoever ran specs since has the development build in its place, which takes a tenth longer
    # @raise [Failure] unless what the gem loads is a release build
    def expect_release
      loaded = File.join(ROOT, "lib", "karafka_embedded", "karafka_embedded.#{RbConfig::CONFIG["DLEXT"]}")
      built = File.join(RELEASE, "libkarafka_embedded.#{RbConfig::CONFIG["SOEXT"]}")
      return if [loaded, built].all? { |file| File.exist?(file) } && FileUtils.compare_file(loaded, built)

      raise Failure, "lib has no release build: leave --no-build out"
    end

    # @param size [Array<Integer>] partitions of the topic, messages to read, messages of a batch
    # @param settings [Array<String>] librdkafka's, as NAME=VALUE
    # @return [Hash{Symbol => Numeric}] messages, bytes, seconds, cpu_seconds, rss_mb of a bare loop
    def floor(servers, topic, size, settings)
      told(binary("floor"), "backlog", servers, topic, *size, *settings)
    end

    # Ages of stamped messages in a bare loop. The block runs when the loop receives messages, and sends them.
    # @return [Array<Float>] milliseconds
    def floor_ages(servers, topic, partitions, messages)
      IO.popen([binary("floor"), "paced", servers, topic, partitions.to_s, messages.to_s]) do |loop|
        yield if loop.gets
        report = loop.gets or raise Failure, "floor failed"
        JSON.parse(report, symbolize_names: true).fetch(:ages_ms)
      end
    end

    # Joins a group and stays
    # @return [Integer] process id
    def join_group(servers, topic, group)
      size = ["1", (2**62).to_s, "100"]
      spawn(binary("floor"), "backlog", servers, topic, *size, "group.id=#{group}", out: File::NULL)
    end

    # Makes a topic that holds so many messages
    # @param partitions [Integer, String] `1..4` is all of four but the first
    # @param batch_bytes [Integer] of a producer's batch, which the broker hands out whole
    def fill(servers, topic, partitions, messages, batch_bytes: 1_000_000)
      told(binary("produce"), "backlog", servers, topic, partitions, messages, batch_bytes)
    end

    # Sends stamped messages at a pace
    # @param pace [Numeric, Array(Numeric, Numeric)] milliseconds between two, and how long the producer gathers them
    # @return [Integer] process id
    def send_paced(servers, topic, partitions, messages, pace)
      every_ms, linger_ms = pace
      size = [partitions, messages, every_ms, linger_ms || 0]
      spawn(binary("produce"), "paced", servers, topic, *size.map(&:to_s))
    end

    def binary(name) = File.join(BINARIES, name)

    def told(*command)
      output = IO.popen(command.map(&:to_s), &:read)
      raise Failure, "#{File.basename(command.first)} failed" unless $CHILD_STATUS.success?

      JSON.parse(output, symbolize_names: true)
    end

    def run(*command, **redirection)
      system(*command, **redirection) or raise Failure, "#{command.join(" ")} failed"
    end
  end
end
