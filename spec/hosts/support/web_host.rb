# frozen_string_literal: true

require_relative "diaries"
require_relative "host_process"
require_relative "serving"

# Puma with the application of spec/hosts/apps/web
class WebHost < HostProcess
  include Serving

  # How Puma can be run: workers, and how its workers come about
  MODES = {
    "single" => [0, "none"], "cluster" => [2, "preload"], "cluster without preloading" => [2, "none"],
    "cluster with fork_worker" => [2, "fork_worker"]
  }.freeze

  class << self
    # @param mode [String] key of MODES
    # @param directory [String, nil] one with diaries of earlier processes
    # @param options [Hash] as in {#initialize}
    def open(mode, directory: nil, **options, &block)
      return Dir.mktmpdir("web") { |own| WebHost.open(mode, directory: own, **options, &block) } unless directory

      web = new(mode, directory, **options)
      yield web
    ensure
      web&.put_down
    end
  end

  # @param consume [String] "plugin", "hooks" or "none"
  # @param environment [Hash{String => String}]
  def initialize(mode, directory, consume: "plugin", environment: {})
    workers, boot = MODES.fetch(mode)
    @processes = [workers, 1].max
    @consumes = consume != "none"
    @port = HostProcess.free_port
    @diaries = Diaries.new(directory)
    super(%w[puma --config puma.rb], app: "web", directory: directory, environment: {
      "PORT" => @port.to_s, "APP_WORKERS" => workers.to_s, "APP_BOOT" => boot, "APP_CONSUME" => consume
    }.merge(environment))
  end

  # @return [self] once all of its processes serve and consume
  def await_running
    await("#{@processes} processes that consume") { serving? && (!@consumes || consuming.size == @processes) }
    self
  end

  # @return [Array<Integer>] process ids of its workers, by their index; none in single mode
  def workers
    members.filter_map do |pid|
      title = File.read("/proc/#{pid}/cmdline")
      [title[/cluster worker (\d+)/, 1].to_i, pid] if title.include?("cluster worker")
    rescue Errno::ENOENT, Errno::ESRCH
      nil
    end.sort.map(&:last)
  end
end
