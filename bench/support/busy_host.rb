# frozen_string_literal: true

require "json"
require "net/http"
require "open3"
require "socket"
require_relative "figures"
require_relative "tools"

module Bench
  # A Puma with one process and five threads, that wrk can keep busy.
  class BusyHost
    RACKUP = File.expand_path("web/config.ru", __dir__)
    PATIENCE = 30
    Load = Struct.new(:requests_per_second, :p99_ms, :began_at, :ended_at, keyword_init: true)

    # Before anything that takes long
    # @raise [Failure] there is no wrk
    def self.check
      raise Failure, "missing: wrk (Debian: apt-get install wrk)" unless system("which wrk", out: File::NULL)
    end

    # Boots one for the time of the block
    def self.with(servers, **environment)
      host = new(servers, environment)
      yield host
    ensure
      host&.end
    end

    def initialize(servers, environment)
      @port = Addrinfo.tcp("127.0.0.1", 0).bind { |socket| socket.local_address.ip_port }
      settings = { "KAFKA_BOOTSTRAP_SERVERS" => servers, "RACK_ENV" => "production" }
      settings.update(environment.transform_keys(&:to_s))
      @pid = spawn(settings, "puma", "--quiet", "-t", "5:5", "-b", "tcp://127.0.0.1:#{@port}", RACKUP,
                   out: File::NULL)
      wait_until_it_answers
    end

    # Has it consume a topic
    def consume(topic) = get("/start?#{topic}")

    # Has it stop
    def stop_consuming = get("/stop")

    # @return [Array<Array(Float, Integer)>] clock and size of each batch since the last call
    def seen = JSON.parse(get("/seen"))

    # @return [Hash]
    def health = JSON.parse(get("/health"), symbolize_names: true)

    # Sends requests as fast as it answers them
    # @return [Load]
    def load(seconds)
      began = Figures.now
      output, status = Open3.capture2("wrk", "-t", "1", "-c", "10", "-d", "#{seconds}s", "--latency",
                                      "http://127.0.0.1:#{@port}/")
      raise Failure, "wrk failed: #{output}" unless status.success?

      Load.new(requests_per_second: output[%r{Requests/sec:\s+([\d.]+)}, 1].to_f, p99_ms: milliseconds(output),
               began_at: began, ended_at: Figures.now)
    end

    # Ends the process
    def end
      Process.kill(:TERM, @pid)
      Process.wait(@pid)
    rescue SystemCallError
      nil
    end

    private

    UNITS = { "us" => 0.001, "ms" => 1.0, "s" => 1_000.0 }.freeze
    private_constant :UNITS

    def milliseconds(output)
      number, unit = output.match(/99%\s+([\d.]+)(us|ms|s)/).captures
      number.to_f * UNITS.fetch(unit)
    end

    def get(path)
      Net::HTTP.start("127.0.0.1", @port, read_timeout: PATIENCE) { |http| http.get(path).body }
    end

    def wait_until_it_answers
      deadline = Figures.now + PATIENCE
      begin
        get("/health")
      rescue SystemCallError
        raise Failure, "Puma did not boot" if Figures.now > deadline

        sleep(0.1)
        retry
      end
    end
  end
end
