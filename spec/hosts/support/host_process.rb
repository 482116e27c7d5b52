# frozen_string_literal: true

require "socket"
require "tmpdir"
require_relative "../../../bin/support/demo/process_group"

# A real host with an application of spec/hosts/apps in it, and whatever it forks
class HostProcess
  # It ended before it did what was waited for, or did not do it
  class Failed < StandardError; end

  APPS = File.expand_path("../apps", __dir__)
  LIB = File.expand_path("../../../lib", __dir__)
  # Hosts give up after 30 s, most of them
  PATIENCE_S = 60
  private_constant :PATIENCE_S

  class << self
    # @yieldparam host [HostProcess] put down when the block ends
    def open(command, **options)
      host = new(command, **options)
      yield host
    ensure
      host&.put_down
    end

    # @return [Integer]
    def free_port
      server = TCPServer.new("127.0.0.1", 0)
      server.addr[1]
    ensure
      server&.close
    end
  end

  # @return [Integer]
  attr_reader :pid
  # @return [String] where it writes
  attr_reader :directory

  # @param command [Array<String>]
  # @param app [String] directory of spec/hosts/apps
  # @param directory [String] may hold diaries of an earlier process
  # @param environment [Hash{String => String}]
  def initialize(command, app:, directory:, environment: {})
    @directory = directory
    environment = {
      "APP_DIRECTORY" => directory, "KARAFKA_ENV" => "test", "KARAFKA_REQUIRE_RAILS" => "false",
      "RUBYLIB" => [LIB, ENV.fetch("RUBYLIB", nil)].compact.join(File::PATH_SEPARATOR)
    }.merge(environment)
    @log_path = File.join(directory, "log-#{Dir.glob(File.join(directory, "log-*")).size}")
    @pid = Process.spawn(environment, *command, chdir: File.join(APPS, app), pgroup: true, in: File::NULL,
                                                %i[out err] => @log_path)
    @group = Demo::ProcessGroup.new(pid)
  end

  # @param name [String]
  # @param to [Integer] process id
  def signal(name, to: pid)
    Process.kill(name, to)
  end

  # @return [Array<Integer>] its processes that live
  def members
    @group.members
  end

  # @return [String] all it printed
  def log
    File.read(@log_path, encoding: "UTF-8").scrub
  end

  # @return [Boolean]
  def ended?
    return true if @status

    _, @status = Process.wait2(pid, Process::WNOHANG)
    !@status.nil?
  end

  # Waits for something that it does
  # @return [Object] what the block returned
  def await(what, within: PATIENCE_S)
    Eventually.eventually(what, within: within) do
      # Asked first: what it did with its last breath counts, and its end is no failure of a wait for that
      gone = ended? && members.empty?
      result = yield
      raise Failed, "it ended (#{@status}) before: #{what}" if gone && !result

      result
    end
  rescue Eventually::Late, Failed => e
    raise Failed, "#{e.message}\n#{log.lines.last(60).join}"
  end

  # @return [Process::Status] once it has ended
  def wait(within: PATIENCE_S)
    await("its end", within: within) { ended? }
    @status
  end

  # Ends whatever of it is left
  def put_down
    @group.signal("KILL")
    ended? || Process.wait(pid)
  end
end
