# frozen_string_literal: true

require "net/http"
require "set"

# Those who ask a web server without pause, each request on a connection of its own, and know what became of it
class Customers
  THREADS = 4
  # One of so many requests has a message produced
  ORDERS = 5
  TIMEOUT_S = 40
  PAUSE_S = 0.01
  private_constant :THREADS, :ORDERS, :TIMEOUT_S, :PAUSE_S

  # @param port [Integer]
  def initialize(port)
    @port = port
    @mutex = Mutex.new
    @answered = Set.new
    @orders = 0
    @turned_away = Hash.new(0)
    @wrong = []
    @enough = false
    @threads = Array.new(THREADS) { |n| Thread.new { ask(n) } }
  end

  # @return [Set<String>] ids of requests that were answered as they should be
  attr_reader :answered
  # @return [Integer] how many of them have produced a message
  attr_reader :orders
  # @return [Hash{String => Integer}] why others were not, by the exception's name
  attr_reader :turned_away
  # @return [Array<String>] answers that were none
  attr_reader :wrong

  # Waits for the last answers
  # @return [self]
  def leave
    @enough = true
    @threads.each(&:value)
    self
  end

  private

  def ask(customer)
    (1..).each do |n|
      break if @enough

      path = (n % ORDERS).zero? ? "/orders" : "/"
      note(path, "#{customer}-#{n}") { |id| get("#{path}?#{id}") }
    end
  end

  def note(path, id)
    answer = yield(id)
    @mutex.synchronize do
      if answer.code == "200"
        @answered << id
        @orders += 1 if path == "/orders"
      else
        @wrong << "#{id}: #{answer.code} #{answer.body[0, 200]}"
      end
    end
  rescue SystemCallError, IOError, Timeout::Error => e
    @mutex.synchronize { @turned_away[e.class.name] += 1 }
    sleep(PAUSE_S) # Nobody is there: a server that is about to boot needs the time more than we do.
  end

  def get(path)
    Net::HTTP.start("127.0.0.1", @port, open_timeout: TIMEOUT_S, read_timeout: TIMEOUT_S, max_retries: 0) do |http|
      http.get(path)
    end
  end
end
