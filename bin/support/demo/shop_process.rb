# frozen_string_literal: true

require "fileutils"
require "json"
require "net/http"
require_relative "clock"
require_relative "process_group"

module Demo
  # The shop in a Puma of its own, on a free port, with a directory of its own for what it writes
  class ShopProcess
    # It ended before it served
    class Died < StandardError; end

    # How a process of the shop says that its consumers have stopped
    Report = Struct.new(:process_id, :duration_ms, :drained, :abandoned, :remark, keyword_init: true) do
      # @return [Boolean] was nothing left behind
      def clean?
        abandoned.zero? && remark.empty?
      end
    end

    SHOP = File.expand_path("../../../examples/shop", __dir__)
    LIB = File.expand_path("../../../lib", __dir__)
    REPORT = /#(\d+)\].*Karafka::Embedded stopped in (\d+) ms, (\d+) jobs drained, (\d+) abandoned(.*)$/
    HOST = "127.0.0.1"
    BOOT_S = 60
    # Puma kills a worker after 30 s; whatever takes longer hangs.
    STOP_S = 45
    HTTP_S = 15
    private_constant :SHOP, :LIB, :REPORT, :BOOT_S, :STOP_S, :HTTP_S

    # @return [Integer] process id of Puma: in cluster mode the master's
    attr_reader :pid
    # @return [Integer] worker processes, 0 in single mode
    attr_reader :workers
    # @return [String]
    attr_reader :directory

    # @param directory [String] where it writes
    # @param workers [Integer]
    # @param environment [Hash{String => String}] what else to set
    def initialize(directory, workers: 0, environment: {})
      @directory = directory
      @workers = workers
      @environment = {
        "PORT" => "0", "WEB_CONCURRENCY" => workers.to_s, "SHOP_DIRECTORY" => directory,
        "RUBYLIB" => [LIB, ENV.fetch("RUBYLIB", nil)].compact.join(File::PATH_SEPARATOR)
      }.merge(environment)
    end

    # Boots it, and waits until all of its processes consume
    # @param partitions [Integer] how many partitions they have to have been given between them
    # @return [self]
    def start(partitions:)
      FileUtils.mkdir_p(directory)
      @pid = Process.spawn(@environment, "puma", "--config", "config/puma.rb",
                           chdir: SHOP, pgroup: true, in: File::NULL, %i[out err] => log_path)
      @group = ProcessGroup.new(pid)
      await("an address") { port }
      await("#{processes_wanted} processes that consume") { consuming?(partitions) }
      self
    end

    # @return [String]
    def url
      "http://#{HOST}:#{port}"
    end

    # @return [Integer, nil] nil before it listens
    def port
      @port ||= log[%r{Listening on http://#{HOST}:(\d+)}, 1]&.to_i
    end

    # @yieldparam http [Net::HTTP] a connection that is kept alive while the block runs
    def connect(&block)
      Net::HTTP.start(HOST, port, open_timeout: HTTP_S, read_timeout: HTTP_S, keep_alive_timeout: HTTP_S, &block)
    end

    # @return [Net::HTTPResponse]
    def get(path)
      connect { |http| http.get(path) }
    end

    # @return [Hash{Symbol => Object}] what the page is told
    def status
      JSON.parse(get("/status").body, symbolize_names: true)
    end

    # @return [String] all it printed
    def log
      File.exist?(log_path) ? File.read(log_path, encoding: "UTF-8").scrub : "" # Puma writes UTF-8 in any locale
    end

    # @return [String]
    def log_path
      File.join(directory, "puma.log")
    end

    # @return [String]
    def journal_path
      File.join(directory, "orders.jsonl")
    end

    # @return [Array<Report>] a report of each process whose consumers have stopped
    def reports
      log.scan(REPORT).map do |process_id, duration, drained, abandoned, remark|
        Report.new(process_id: process_id.to_i, duration_ms: duration.to_i, drained: drained.to_i,
                   abandoned: abandoned.to_i, remark: remark)
      end
    end

    # @return [Array<Integer>] its processes that live
    def processes
      @group.members
    end

    # @return [Integer] processes that consume: the workers, or Puma itself
    def processes_wanted
      [workers, 1].max
    end

    # Sends Puma a signal and waits for its end
    # @param signal [String]
    # @return [Process::Status]
    def stop(signal = "TERM")
      Process.kill(signal, pid)
      Clock.await("the end of Puma after #{signal}", within: STOP_S) { ended? }
      @status
    end

    # Ends whatever of it is left
    def put_down
      return unless @group

      @group.signal("TERM")
      Clock.await("its end", within: STOP_S) { ended? && processes.empty? }
    rescue Late
      @group.signal("KILL")
      ended? || Process.wait(pid)
    end

    private

    def await(what)
      Clock.await(what, within: BOOT_S) do
        raise Died, "the shop ended while it was to boot; it said:\n#{log}" if ended?

        yield
      end
    end

    # Each process has its share, and none is counted twice: what the others say may be from before a rebalance.
    def consuming?(partitions)
      running = status.fetch(:processes)
      shares = running.map { |one| one.fetch(:groups, []).flat_map { |group| places(group) } }
      running.size == processes_wanted && running.all? { |one| one.fetch(:healthy) } &&
        shares.sum(&:size) >= partitions && shares.flatten(1).tally.values.all?(1) &&
        (partitions < processes_wanted || shares.none?(&:empty?))
    rescue SystemCallError, EOFError
      false # A worker that is not there yet.
    end

    def places(group)
      group.fetch(:assigned).map { |partition| partition.values_at(:topic, :partition) }
    end

    def ended?
      return true if @status

      _, @status = Process.wait2(pid, Process::WNOHANG)
      !@status.nil?
    end
  end
end
