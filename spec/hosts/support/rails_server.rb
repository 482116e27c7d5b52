# frozen_string_literal: true

require "json"
require "net/http"
require "rbconfig"
require_relative "../../../bin/support/demo/clock"
require_relative "../../../bin/support/demo/process_group"

# `bin/rails server`, which is Puma
class RailsServer
  # It ended before it served
  class Died < StandardError; end

  HOST = "127.0.0.1"
  BOOT_S = 60
  # Puma waits for requests as long as they take; whatever takes longer hangs.
  STOP_S = 45
  HTTP_S = 15
  private_constant :HOST, :BOOT_S, :STOP_S, :HTTP_S

  # @param root [String] of the application
  # @param environment [Hash{String => String, nil}]
  # @yieldparam server [RailsServer]
  def self.open(root, environment)
    server = new(root, environment)
    yield server.start
  ensure
    server&.put_down
  end

  # @return [Integer]
  attr_reader :pid

  # @param root [String]
  # @param environment [Hash{String => String, nil}]
  def initialize(root, environment)
    @root = root
    @environment = environment
  end

  # Boots it, and waits until it listens
  # @return [self]
  def start
    @pid = Process.spawn(@environment, RbConfig.ruby, "bin/rails", "server", "-b", HOST, "-p", "0",
                         chdir: @root, pgroup: true, in: File::NULL, %i[out err] => output_path)
    @group = Demo::ProcessGroup.new(pid)
    Demo::Clock.await("an address", within: BOOT_S) do
      raise Died, "the server ended while it was to boot; it said:\n#{output}" if ended?

      port
    end
    self
  end

  # @return [Integer, nil] nil before it listens
  def port
    @port ||= output[%r{Listening on http://#{HOST}:(\d+)}, 1]&.to_i
  end

  # @return [Net::HTTPResponse]
  def get(path)
    Net::HTTP.start(HOST, port, open_timeout: HTTP_S, read_timeout: HTTP_S) { |http| http.get(path) }
  end

  # @return [Object] what the answer's JSON says
  def json(path)
    JSON.parse(get(path).body, symbolize_names: true)
  end

  # @return [String] all it printed
  def output
    File.exist?(output_path) ? File.read(output_path, encoding: "UTF-8").scrub : ""
  end

  # @param signal [String]
  # @return [Process::Status]
  def stop(signal = "TERM")
    Process.kill(signal, pid)
    Demo::Clock.await("the end of Puma after #{signal}", within: STOP_S) { ended? }
    @status
  end

  # Ends whatever of it is left
  def put_down
    return unless @group

    @group.signal("TERM")
    Demo::Clock.await("its end", within: STOP_S) { ended? && @group.members.empty? }
  rescue Demo::Late
    @group.signal("KILL")
    ended? || Process.wait(pid)
  end

  private

  def output_path
    File.join(@root, "tmp", "server.out")
  end

  def ended?
    return true if @status

    _, @status = Process.wait2(pid, Process::WNOHANG)
    !@status.nil?
  end
end
