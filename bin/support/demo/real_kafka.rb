# frozen_string_literal: true

require_relative "../kafka/wire"
require_relative "clock"

module Demo
  # The Kafka that KAFKA_BOOTSTRAP_SERVERS names
  module RealKafka
    TIMEOUT_S = 20
    # As many replicas as the cluster thinks right
    BROKERS_CHOICE = -1
    # What librdkafka takes a server for that is named without
    PORT = 9_092
    # As librdkafka takes it: `host`, `host:9092`, `[::1]:9092`, `PLAINTEXT://host:9092`
    SERVER = %r{\A(?:\w+://)?(?:\[(?<address>[^\]]*)\]|(?<name>[^:]*))(?::(?<port>\d+))?\z}
    private_constant :TIMEOUT_S, :BROKERS_CHOICE, :PORT, :SERVER

    # Makes a topic with partitions for several processes. A Kafka that does not let us (TLS, a login, no rights)
    # may still make one by itself, when the shop first uses it.
    # @return [Boolean] was it made
    def self.create_topic(servers, topic, partitions)
      place = first(servers) or return false
      DevKafka::Wire.open(*place, timeout: TIMEOUT_S) do |wire|
        wire.create_topic(topic, partitions: partitions, replication: BROKERS_CHOICE)
        Clock.await("leaders of #{topic}", within: TIMEOUT_S) { wire.led?(topic) }
      end
      true
    rescue DevKafka::Wire::Refused, SystemCallError, SocketError, IOError, Timeout::Error
      false
    end

    # @param servers [String] `bootstrap.servers`
    # @return [Array(String, Integer), nil] host and port of the first; nil where it is none
    def self.first(servers)
      server = SERVER.match(servers[/[^,]*/].strip)
      [server[:address] || server[:name], (server[:port] || PORT).to_i] if server
    end
  end
end
