# frozen_string_literal: true

require_relative "../kafka/wire"
require_relative "clock"

module Demo
  # The Kafka that KAFKA_BOOTSTRAP_SERVERS names
  module RealKafka
    TIMEOUT_S = 20
    # As many replicas as the cluster thinks right
    BROKERS_CHOICE = -1
    private_constant :TIMEOUT_S, :BROKERS_CHOICE

    # Makes a topic with partitions for several processes. A Kafka that does not let us (TLS, a login, no rights)
    # may still make one by itself, when the shop first uses it.
    # @return [Boolean] was it made
    def self.create_topic(servers, topic, partitions)
      host, _, port = servers.split(",").first.rpartition(":")
      DevKafka::Wire.open(host, port.to_i, timeout: TIMEOUT_S) do |wire|
        wire.create_topic(topic, partitions: partitions, replication: BROKERS_CHOICE)
        Clock.await("leaders of #{topic}", within: TIMEOUT_S) { wire.led?(topic) }
      end
      true
    rescue DevKafka::Wire::Refused, SystemCallError, IOError, Timeout::Error
      false
    end
  end
end
