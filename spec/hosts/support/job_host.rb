# frozen_string_literal: true

require "sidekiq/version"
require_relative "diaries"
require_relative "host_process"
require_relative "redis_server"

# Sidekiq with the application of spec/hosts/apps/sidekiq
class JobHost < HostProcess
  CONCURRENCY = 5

  # @return [Diaries]
  attr_reader :diaries

  class << self
    # @param directory [String, nil] one with diaries of earlier processes
    # @param options [Hash] as in {#initialize}
    def open(directory: nil, **options, &block)
      return Dir.mktmpdir("jobs") { |own| JobHost.open(directory: own, **options, &block) } unless directory

      host = new(directory, **options)
      yield host
    ensure
      host&.put_down
    end

    # @return [Boolean] has this Sidekiq capsules and an embedded mode
    def capsules?
      Gem::Version.new(Sidekiq::VERSION) >= Gem::Version.new("7")
    end

    # @param timeout [Integer] seconds that Sidekiq gives its jobs to end
    # @return [Array<String>]
    def server(timeout: 25)
      ["sidekiq", "-r", "./boot.rb", "-c", CONCURRENCY.to_s, "-t", timeout.to_s]
    end
  end

  # @param redis [RedisServer]
  # @param consume [String] "call", "hooks" or "none"
  # @param command [Array<String>] what JobHost.server says, or another program
  # @param environment [Hash{String => String}]
  def initialize(directory, redis:, consume: "call", command: JobHost.server, environment: {})
    @diaries = Diaries.new(directory)
    super(command, app: "sidekiq", directory: directory, environment: {
      "APP_REDIS" => redis.url, "APP_CONSUME" => consume
    }.merge(environment))
  end

  # @return [self] once it works, and consumes if it is to
  def await_running(consumes: true)
    await("startup") { diaries.lines("hooks").any? }
    await("a process that consumes") { diaries.running.any? } if consumes
    self
  end

  # @return [Array<Integer>] numbers of jobs that were done
  def jobs_done
    diaries.lines("jobs").map { |_, line| line.to_i }
  end
end
