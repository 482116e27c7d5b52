# frozen_string_literal: true

require "socket"

module Karafka
  module Embedded
    # {Health} on a port of its own, for a process that answers no HTTP: Sidekiq, a script. One thread serves a few
    # connections at a time, each with one request and a deadline.
    #
    # @api private
    class HealthServer
      MOST_CONNECTIONS = 16
      LONGEST_REQUEST = 8_192
      # From the connection to the end of the answer, in milliseconds
      PATIENCE = 1_000
      # Where the system has no more descriptors, say: until the next connection is accepted, in milliseconds
      REST = 1_000
      TEXTS = {
        200 => "OK", 400 => "Bad Request", 404 => "Not Found", 405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large", 503 => "Service Unavailable"
      }.freeze
      # The end of a request's head
      HEAD_END = /\r?\n\r?\n/
      # Who a connection is to be read from, or written to
      Connection = Struct.new(:socket, :deadline, :request, :answer)
      private_constant :MOST_CONNECTIONS, :LONGEST_REQUEST, :PATIENCE, :REST, :TEXTS, :HEAD_END, :Connection

      # @param address [String, Integer, nil] as in {#initialize}; nil for none
      # @return [HealthServer, nil] nil, too, where the address can't be had: another process of a cluster may have it
      def self.open(address)
        new(address).start if address
      rescue SystemCallError, SocketError => e
        Instrumentation::ErrorReport.call(type: "runner.call.error", error: e, caller: self)
        Karafka.logger.error("Karafka::Embedded can't tell its health on #{address}: #{e.message}")
        nil
      end

      # @param address [String, Integer] "127.0.0.1:8080", "[::1]:8080", or a port of the loopback
      # @raise [SystemCallError] it can't be had
      def initialize(address)
        host, _, port = address.to_s.rpartition(":")
        host = "127.0.0.1" if host.empty?
        @server = TCPServer.new(host.delete("[]"), Integer(port, 10))
        @wake, @waker = IO.pipe
        @connections = []
        @rests_until = 0
        @process_id = ::Process.pid
      end

      # @return [Boolean] is this the process it was made in
      def here?
        @process_id == ::Process.pid
      end

      # @return [Integer] the one it listens on
      def port
        @server.addr[1]
      end

      def start
        @thread = SupervisedThread.new("karafka.health", on_death: ->(_) {}) { run }.start
        self
      end

      # Returns at once; works in a signal handler
      def close
        @closing = true
        @waker.write_nonblock(".", exception: false)
      rescue IOError
        nil # It is closed.
      end

      # @param timeout [Numeric] milliseconds
      # @return [Boolean] has it ended
      def join(timeout)
        @thread.join(timeout)
      end

      private

      def run
        turn until @closing
      ensure
        [*@connections.map(&:socket), @server, @wake, @waker].each(&:close) if @closing
      end

      def turn
        now = Wait.now
        readable, writable = IO.select([@wake, *listening(now), *sockets(:request)], sockets(:answer), nil, wait(now))
        @wake.read_nonblock(1, exception: false) if readable&.include?(@wake)
        accept if readable&.include?(@server)
        @connections.each { |one| serve(one) if readable&.include?(one.socket) || writable&.include?(one.socket) }
        @connections.select { |one| Wait.now >= one.deadline }.each { |one| hang_up(one) }
      end

      def listening(now)
        @connections.size < MOST_CONNECTIONS && now >= @rests_until ? [@server] : []
      end

      def sockets(stage)
        @connections.select { |one| one.answer.nil? == (stage == :request) }.map(&:socket)
      end

      def wait(now)
        deadlines = @connections.map(&:deadline)
        deadlines << @rests_until if @rests_until > now
        deadline = deadlines.min
        [deadline - now, 0].max / 1_000.0 if deadline
      end

      def accept
        socket = @server.accept_nonblock(exception: false)
        @connections << Connection.new(socket, Wait.now + PATIENCE, +"", nil) unless socket == :wait_readable
      rescue Errno::ECONNABORTED, Errno::EPROTO, Errno::EINTR
        nil # It went before it was accepted.
      rescue SystemCallError => e
        # It is still there, and would be found at once again
        @rests_until = Wait.now + REST
        Karafka.logger.error("Karafka::Embedded can't accept a connection that asks for its health: #{e.message}")
      end

      def serve(connection)
        connection.answer ? write(connection) : read(connection)
      rescue IOError, SystemCallError
        hang_up(connection)
      end

      def read(connection)
        chunk = connection.socket.read_nonblock(LONGEST_REQUEST, exception: false)
        return if chunk == :wait_readable
        return hang_up(connection) unless chunk

        connection.request << chunk
        connection.answer = answer(connection.request)
        write(connection) if connection.answer
      end

      def write(connection)
        written = connection.socket.write_nonblock(connection.answer, exception: false)
        return if written == :wait_writable

        connection.answer = connection.answer.byteslice(written..)
        hang_up(connection) if connection.answer.empty?
      end

      def hang_up(connection)
        connection.socket.close
      ensure
        @connections = @connections.reject { |one| one.equal?(connection) }
      end

      # @return [String, nil] nil until the request is complete
      def answer(request)
        return request.bytesize > LONGEST_REQUEST ? response(431, {}, []) : nil unless request.match?(HEAD_END)

        verb, target = request.lines.first.split
        return response(400, {}, []) unless target&.start_with?("/")

        response(*Health.call({ "REQUEST_METHOD" => verb, "PATH_INFO" => target[/\A[^?]*/] }))
      end

      def response(code, headers, body)
        head = headers.map { |name, value| "#{name}: #{value}\r\n" }.join
        "HTTP/1.1 #{code} #{TEXTS.fetch(code)}\r\n#{head}connection: close\r\n\r\n#{body.join}".b
      end
    end
  end
end
