# frozen_string_literal: true

require "fileutils"
require "shellwords"
require_relative "distribution"
require_relative "wire"

module DevKafka
  # One broker's process and directory. A process counts as ours by its command line, which names its directory, never
  # by a number in a file alone: that number may have been given to another process since.
  class Broker
    HOST = "127.0.0.1"
    # What Java is told after our own options, as by Kafka's start scripts
    JAVA_OPTIONS = "KAFKA_JVM_PERFORMANCE_OPTS"
    TERM_DEADLINE_S = 15
    # How often to look, a millisecond apart, for the command line of what was spawned
    SHOW_TRIES = 5_000
    private_constant :SHOW_TRIES

    attr_reader :id, :dir, :port, :controller_port, :sasl_port, :secure_ports

    # @param ports [Hash] :client, :controller, with an authorizer :sasl, with secure listeners :mtls and :sasl_ssl
    def initialize(id, dir, ports)
      @id = id
      @dir = dir
      @port = ports.fetch(:client)
      @controller_port = ports.fetch(:controller)
      @sasl_port = ports[:sasl]
      @secure_ports = ports.slice(:mtls, :sasl_ssl)
    end

    def log = File.join(dir, "broker.log")
    def data = File.join(dir, "data")
    def properties = File.join(dir, "server.properties")
    def formatted? = File.exist?(format_mark)

    # @param heap [String] as Java's -Xmx takes it
    # @param java_options [Array<String>]
    def spawn(distribution, heap:, java_options: [])
      options = [marker, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError",
                 *ENV.fetch(JAVA_OPTIONS, "").shellsplit, *java_options]
      pid = Process.spawn(
        *distribution.java("kafka.Kafka", properties, heap: heap, options: options),
        # Its own process group: a Ctrl-C in the terminal is for the test run, which then stops the broker in order.
        pgroup: true, in: File::NULL, out: [log, "a"], err: %i[child out]
      )
      waiter = Process.detach(pid)
      File.write(pid_file, pid)
      # Linux puts the arguments in place only after spawn has returned; until then nobody can tell that it is ours.
      SHOW_TRIES.times { break if ours?(pid) || waiter.join(0.001) }
      pid
    end

    # Formats the data directory; a format that was interrupted counts as none and is done again.
    # @param options [Array<String>] what else the tool is told
    # @return [Boolean] whether Kafka's tool succeeded
    def format(distribution, cluster_id, options)
      FileUtils.rm_rf(data)
      ok = system(*distribution.java("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", properties, *options,
                                     options: [marker, *Distribution::BRIEF]),
                  out: [log, "a"], err: %i[child out])
      raise Error, "java is missing: run bin/setup" if ok.nil?

      FileUtils.touch(format_mark) if ok
      ok
    end

    # @return [Array<Integer>] our processes: the one of the pid file, and any that lost its pid file
    def pids
      known = File.exist?(pid_file) ? [File.read(pid_file).to_i] : []
      (known + Processes.running).uniq.select { |pid| ours?(pid) }
    end

    def alive? = pids.any?

    def serves?
      Wire.open(HOST, port, &:serves?)
    rescue SystemCallError, Wire::Refused, Timeout::Error
      false
    end

    # @return [Array<Integer>] ids of the brokers this one sees alive; empty while it doesn't answer
    def peers
      Wire.open(HOST, port, &:broker_ids)
    rescue SystemCallError, Wire::Refused, Timeout::Error
      []
    end

    # @return [Boolean] whether there was a process to signal
    def signal(name)
      pids.each { |pid| Processes.signal(pid, name) }.any?
    end

    # Asks, so that all brokers of a cluster end at the same time; {#await_end} is the other half.
    def ask_to_end
      # A paused process sees TERM only once it is continued.
      signal("TERM")
      signal("CONT")
    end

    # KILL after the deadline; then the pid file goes.
    def await_end(deadline)
      until pids.empty?
        signal("KILL") if Process.clock_gettime(Process::CLOCK_MONOTONIC) > deadline
        sleep 0.02
      end
      FileUtils.rm_f(pid_file)
    end

    # @return [Array<String>] the last lines of the log, for an error message
    def last_words(count = 15) = File.exist?(log) ? File.readlines(log).last(count) : []

    private

    def ours?(pid) = Processes.command(pid)&.include?(marker.b)
    def pid_file = File.join(dir, "broker.pid")
    def format_mark = File.join(dir, "formatted")
    def marker = "-Dkarafka_embedded.broker=#{dir}/"
  end

  # The machine's processes: from /proc where there is one, else from ps.
  module Processes
    module_function

    def running
      return Dir.children("/proc").grep(/\A\d+\z/).map(&:to_i) if File.directory?("/proc/self")

      `ps -axo pid=`.split.map(&:to_i)
    end

    # @return [String, nil] its bytes, which need not be UTF-8; nil when it is gone, and empty when it is a zombie
    def command(pid)
      return File.binread("/proc/#{pid}/cmdline").tr("\0", " ") if File.directory?("/proc/self")

      line = `ps -o command= -p #{pid}`.b
      line.empty? ? nil : line
    rescue SystemCallError
      nil
    end

    def signal(pid, name)
      Process.kill(name, pid)
    rescue Errno::ESRCH
      nil
    end

    # @return [Boolean] is there such a process, whoever owns it
    def alive?(pid)
      !signal(pid, 0).nil?
    rescue Errno::EPERM
      true
    end
  end
end
