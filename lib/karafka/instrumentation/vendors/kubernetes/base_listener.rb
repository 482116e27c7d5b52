# frozen_string_literal: true

require "json"
require "socket"

module Karafka
  module Instrumentation
    # Listeners for services that many applications report to. Each is loaded by its path.
    module Vendors
      # What Kubernetes asks of a pod
      module Kubernetes
        # Answers HTTP with how things are: 200 or 500, and a JSON body. Subclasses say what healthy is.
        #
        # It serves one connection after another on a thread of its own; a probe that sends nothing is let go after
        # {PATIENCE_S}.
        class BaseListener
          OK = "200 OK"
          FAIL = "500 Internal Server Error"
          # How long a probe may take to say what it wants
          PATIENCE_S = 1
          # Where the system has no more descriptors, say: until the next connection is accepted
          REST_S = 1
          # Bytes of a request that are read at most: what it says does not matter
          REQUEST_BYTES = 4_096
          private_constant :OK, :FAIL, :PATIENCE_S, :REST_S, :REQUEST_BYTES

          # @param hostname [String, nil] address to listen on; nil for all
          # @param port [Integer] 0 for one that is free
          def initialize(hostname: nil, port: 3_000)
            @hostname = hostname
            @port = port
            @mutex = Mutex.new
            @stopping = ConditionVariable.new
          end

          # @return [Integer] the port it listens on, or is going to
          def port
            @server&.local_address&.ip_port || @port
          end

          # @return [Boolean]
          def healthy?
            raise NotImplementedError, "Implement #healthy? in #{self.class}"
          end

          # @return [Hash] what is answered as JSON
          def status_body
            {
              status: healthy? ? "healthy" : "unhealthy",
              timestamp: Time.now.to_i,
              port: port,
              process_id: ::Process.pid
            }
          end

          private

          def start
            @mutex.synchronize do
              next if @thread&.alive?

              @server = TCPServer.new(*[@hostname, @port].compact)
              @thread = Thread.new(@server) { |server| serve(server) }
              @thread.name = "karafka.kubernetes"
              @thread.report_on_exception = false
              @thread.thread_variable_set(:fork_safe, true)
            end
          end

          def stop
            server, thread = @mutex.synchronize { [@server, @thread].tap { @server = @thread = nil } }
            server&.close
            @mutex.synchronize { @stopping.broadcast }
            thread&.join(PATIENCE_S * 2)
          end

          def serve(server)
            loop do
              break if server.closed?

              client = accept(server)
              answer(client) if client
            rescue IOError, SystemCallError
              next # A probe went away, or the server was closed.
            ensure
              client&.close
            end
          end

          # @return [TCPSocket, nil]
          def accept(server)
            server.accept
          rescue Errno::ECONNABORTED, Errno::EPROTO, Errno::EINTR
            nil # It went before it was accepted.
          rescue SystemCallError => e
            # It is still there, and would be found at once again
            rest(server, e)
          end

          # Until {#stop} at most
          def rest(server, error)
            return if server.closed?

            Karafka.logger.error("#{self.class} can't accept a probe: #{error.message}")
            @mutex.synchronize { @stopping.wait(@mutex, REST_S) unless server.closed? }
            nil
          end

          def answer(client)
            return unless client.wait_readable(PATIENCE_S)

            client.read_nonblock(REQUEST_BYTES, exception: false)
            client.write(response)
          end

          # Who can't say how it is, is not well
          def response
            body = JSON.generate(status_body)
            respond(healthy? ? OK : FAIL, body)
          rescue StandardError, ScriptError => e
            respond(FAIL, JSON.generate(status: "unhealthy", error: "#{e.class}: #{e.message}"))
          end

          def respond(status, body)
            "HTTP/1.1 #{status}\r\nContent-Type: application/json\r\nContent-Length: #{body.bytesize}\r\n" \
              "Connection: close\r\n\r\n#{body}"
          end

          # @return [Float] milliseconds of a clock that only goes forward
          def monotonic_now
            ::Process.clock_gettime(::Process::CLOCK_MONOTONIC, :float_millisecond)
          end
        end
      end
    end
  end
end
