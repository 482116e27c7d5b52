# frozen_string_literal: true

require "json"
require "securerandom"
require "socket"
require "tmpdir"

# A Redis of an example's own, on a free port of the loopback
class RedisServer
  # @yieldparam redis [RedisServer] killed when the block ends
  def self.open
    Dir.mktmpdir("redis") do |directory|
      redis = new(directory)
      yield redis
    ensure
      redis&.put_down
    end
  end

  # @param directory [String]
  def initialize(directory)
    @port = HostProcess.free_port
    @pid = Process.spawn("redis-server", "--port", @port.to_s, "--bind", "127.0.0.1", "--dir", directory, "--save", "",
                         "--maxmemory-policy", "noeviction", out: File::NULL, in: File::NULL)
    Eventually.eventually("an answer of Redis") { answers? }
  end

  # @return [String]
  def url
    "redis://127.0.0.1:#{@port}/0"
  end

  # Hands jobs over as Sidekiq's client does, whichever version
  # @param count [Integer]
  # @param queue [String]
  # @return [Array<Integer>] numbers of the jobs
  def enqueue(count, queue: "default")
    call("SADD", "queues", queue)
    Array.new(count) do
      @number = @number.to_i + 1
      job = { class: "Toil", args: [@number], retry: true, queue: queue, jid: SecureRandom.hex(12) }
      call("LPUSH", "queue:#{queue}", JSON.generate(job.merge(created_at: Time.now.to_f)))
      @number
    end
  end

  # @return [Integer] jobs in the queue
  def waiting
    call("LLEN", "queue:default").delete_prefix(":").to_i
  end

  # @api private
  def put_down
    Process.kill(:KILL, @pid)
    Process.wait(@pid)
  end

  private

  def answers?
    call("PING") == "+PONG"
  rescue SystemCallError
    false
  end

  def call(*words)
    @socket ||= TCPSocket.new("127.0.0.1", @port)
    @socket.write("*#{words.size}\r\n#{words.map { |word| "$#{word.bytesize}\r\n#{word}\r\n" }.join}")
    @socket.gets.chomp.tap { |answer| raise "Redis: #{answer}" if answer.start_with?("-") }
  end
end
