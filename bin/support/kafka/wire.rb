# frozen_string_literal: true

require "socket"
require "timeout"

module DevKafka
  # The few requests of Kafka's protocol that tell whether a broker serves, and that make a topic: a Java tool would
  # take seconds for each. All use the last version without tagged fields (KIP-482), which is the simplest to write.
  class Wire
    API_VERSIONS = 18
    METADATA = 3
    CREATE_TOPICS = 19
    # The broker did not speak Kafka, or said no.
    class Refused < StandardError; end

    # @yieldparam wire [Wire] an open connection
    def self.open(host, port, timeout: 1)
      socket = Socket.tcp(host, port, connect_timeout: timeout)
      yield new(socket, timeout)
    ensure
      socket&.close
    end

    def initialize(socket, timeout)
      @socket = socket
      @timeout = timeout
    end

    # @return [Boolean] whether the broker answers requests; an open port alone says nothing
    def serves?
      request(API_VERSIONS, 0, "").unpack1("s>").zero?
    end

    # @return [Array<Integer>] the ids of the brokers that the cluster counts as alive
    def broker_ids
      reply = Reader.new(request(METADATA, 1, [0].pack("l>")))
      reply.array { broker(reply) }
    end

    # @return [Boolean] whether each partition of the topic has a leader
    def led?(topic)
      reply = Reader.new(request(METADATA, 1, array([topic]) { |name| string(name) }))
      reply.array { broker(reply) }
      reply.int32
      reply.array { topic_errors(reply) }.flatten.all?(&:zero?)
    end

    # @raise [Refused] with Kafka's reason
    def create_topic(name, partitions:, replication:, config: {}, timeout_ms: 10_000)
      topic = string(name) + [partitions, replication, 0].pack("l>s>l>") +
              array(config) { |key, value| string(key) + string(value) }
      reply = Reader.new(request(CREATE_TOPICS, 4, "#{array([topic], &:itself)}#{[timeout_ms, 0].pack("l>c")}"))
      reply.int32
      reply.array do
        reply.string
        code = reply.int16
        message = reply.string
        raise Refused, "#{message || "Kafka says no"} (error #{code})" unless code.zero?
      end
    end

    private

    def broker(reply)
      id = reply.int32
      reply.string
      reply.int32
      reply.string
      id
    end

    def topic_errors(reply)
      error = reply.int16
      reply.string
      reply.int8
      [error] + reply.array do
        partition_error = reply.int16
        2.times { reply.int32 }
        2.times { reply.array { reply.int32 } }
        partition_error
      end
    end

    # @return [String] the body of the response, after its correlation id
    def request(api, version, body)
      Timeout.timeout(@timeout) do
        frame = [api, version, 1].pack("s>s>l>") + string("bin/kafka") + body.b
        @socket.write([frame.bytesize].pack("l>"), frame)
        size = read(4).unpack1("l>")
        raise Refused, "not a Kafka broker" unless size.between?(4, 64 << 20)

        read(size).byteslice(4..)
      end
    end

    def read(size)
      bytes = @socket.read(size)
      raise Refused, "the connection was closed" unless bytes&.bytesize == size

      bytes
    end

    def string(text) = [text.bytesize].pack("s>") + text.b
    def array(items, &block) = [items.size].pack("l>") + items.map(&block).join

    # Reads a response from front to back.
    class Reader
      def initialize(bytes)
        @bytes = bytes
        @at = 0
      end

      def int8 = take(1).unpack1("c")
      def int16 = take(2).unpack1("s>")
      def int32 = take(4).unpack1("l>")

      def string
        size = int16
        size.negative? ? nil : take(size)
      end

      def array(&block) = Array.new(int32, &block)

      private

      def take(size)
        @at += size
        @bytes.byteslice(@at - size, size) or raise Refused, "the response ends early"
      end
    end
  end
end
