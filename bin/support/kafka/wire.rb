# frozen_string_literal: true

require "socket"
require "timeout"

module DevKafka
  # The few requests of Kafka's protocol that tell whether a broker serves, and that make a topic: a Java tool would
  # take seconds for each. All use the last version without tagged fields (KIP-482), which is the simplest to write.
  class Wire
    API_VERSIONS = 18
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    CREATE_PARTITIONS = 37
    CREATE_ACLS = 30
    DELETE_ACLS = 31
    # Kafka's numbers in ACLs
    RESOURCES = { topic: 2, group: 3, cluster: 4, transactional_id: 5 }.freeze
    OPERATIONS = { all: 2, read: 3, write: 4, describe: 8 }.freeze
    ALLOW = 3
    LITERAL = 3
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

    # @return [Integer] the offset behind the last message, whether that is committed or not
    def end_offset(topic, partition)
      partitions = array([partition]) { |one| [one, -1].pack("l>q>") }
      body = [-1].pack("l>") + array([topic]) { |name| string(name) + partitions }
      reply = Reader.new(request(LIST_OFFSETS, 1, body))
      reply.array { (reply.string && reply.array { offset_of_time(reply) }).first }.first
    end

    # @return [Array<Array<Integer>>] ids of the brokers that have all of a partition, for each partition in its order
    def in_sync(topic)
      reply = Reader.new(request(METADATA, 1, array([topic]) { |name| string(name) }))
      reply.array { broker(reply) }
      reply.int32
      reply.array { topic_partitions(reply) }.first.sort.map(&:last)
    end

    # @return [Integer, nil] where a group goes on; nil when it has committed nothing
    def committed(group, topic, partition)
      body = string(group) + array([topic]) { |name| string(name) + array([partition]) { |one| [one].pack("l>") } }
      reply = Reader.new(request(OFFSET_FETCH, 1, body))
      offset = reply.array { (reply.string && reply.array { committed_offset(reply) }).first }.first
      offset unless offset.negative?
    end

    # Commits for a group that has no members
    # @raise [Refused] it has some
    def commit(group, topic, partition, offset)
      partitions = array([partition]) { |one| [one, offset].pack("l>q>") + string("") }
      body = string(group) + [-1].pack("l>") + string("") + [-1].pack("q>") +
             array([topic]) { |name| string(name) + partitions }
      reply = Reader.new(request(OFFSET_COMMIT, 2, body))
      codes = reply.array { reply.string && reply.array { reply.int32 && reply.int16 } }.flatten
      raise Refused, "not committed (errors #{codes})" unless codes.all?(&:zero?)
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
        refuse(code, reply.string)
      end
    end

    # @raise [Refused] with Kafka's reason
    def add_partitions(name, total:, timeout_ms: 10_000)
      topic = string(name) + [total, -1].pack("l>l>")
      reply = Reader.new(request(CREATE_PARTITIONS, 0, "#{array([topic], &:itself)}#{[timeout_ms, 0].pack("l>c")}"))
      reply.int32
      reply.array { refuse(reply.string && reply.int16, reply.string) }
    end

    # @raise [Refused] with Kafka's reason
    def delete_topic(name, timeout_ms: 10_000)
      reply = Reader.new(request(DELETE_TOPICS, 1, array([name]) { |one| string(one) } + [timeout_ms].pack("l>")))
      reply.int32
      reply.array { refuse(reply.string && reply.int16, nil) }
    end

    # Allows a user an operation on a resource
    # @param resource [Hash{Symbol => String}] one of {RESOURCES} and its name
    # @raise [Refused] with Kafka's reason
    def allow(user, operation, **resource)
      answer(request(CREATE_ACLS, 1, array([acl(user, operation, resource)], &:itself)))
    end

    # Takes back what {#allow} allowed
    # @raise [Refused] with Kafka's reason
    def withdraw(user, operation, **resource)
      answer(request(DELETE_ACLS, 1, array([acl(user, operation, resource)], &:itself)))
    end

    private

    def refuse(code, message)
      raise Refused, "#{message || "Kafka says no"} (error #{code})" unless code.zero?
    end

    # An ACL, and a filter that finds just that one, look the same.
    def acl(user, operation, resource)
      (kind, name), = resource.to_a
      [RESOURCES.fetch(kind)].pack("c") + string(name) + [LITERAL].pack("c") + string("User:#{user}") + string("*") +
        [OPERATIONS.fetch(operation), ALLOW].pack("cc")
    end

    # The answer to one ACL or filter
    def answer(bytes)
      reply = Reader.new(bytes)
      2.times { reply.int32 }
      code = reply.int16
      raise Refused, "#{reply.string || "Kafka says no"} (error #{code})" unless code.zero?
    end

    def offset_of_time(reply)
      reply.int32
      code = reply.int16
      reply.int64
      offset = reply.int64
      raise Refused, "no offset (error #{code})" unless code.zero?

      offset
    end

    def committed_offset(reply)
      reply.int32
      offset = reply.int64
      reply.string
      code = reply.int16
      raise Refused, "no committed offset (error #{code})" unless code.zero?

      offset
    end

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

    # @return [Array] number of each partition, and who is in sync
    def topic_partitions(reply)
      reply.int16
      reply.string
      reply.int8
      reply.array do
        reply.int16
        number = reply.int32
        reply.int32
        reply.array { reply.int32 }
        [number, reply.array { reply.int32 }]
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
      def int64 = take(8).unpack1("q>")

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
