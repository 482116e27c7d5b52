# frozen_string_literal: true

require_relative "diaries"
require_relative "host_process"
require_relative "serving"

# Unicorn with the application of spec/hosts/apps/web
class UnicornHost < HostProcess
  include Serving

  PROCESSES = 2

  class << self
    # @param boot [String] "preload", or "none" where workers load the application
    # @param directory [String, nil] one with diaries of earlier processes
    # @param options [Hash] as in {#initialize}
    def open(boot, directory: nil, **options, &block)
      return Dir.mktmpdir("web") { |own| UnicornHost.open(boot, directory: own, **options, &block) } unless directory

      host = new(boot, directory, **options)
      yield host
    ensure
      host&.put_down
    end
  end

  # @param environment [Hash{String => String}]
  def initialize(boot, directory, environment: {})
    @port = HostProcess.free_port
    @diaries = Diaries.new(directory)
    super(%w[unicorn --config-file unicorn.rb], app: "web", directory: directory, environment: {
      "PORT" => port.to_s, "APP_WORKERS" => PROCESSES.to_s, "APP_BOOT" => boot, "APP_CONSUME" => "hooks"
    }.merge(environment))
  end

  # @return [self] once all of its processes serve and consume
  def await_running
    await("#{PROCESSES} processes that consume") { serving? && consuming.size == PROCESSES }
    self
  end
end
