# frozen_string_literal: true

module Karafka
  module Embedded
    # A Kafka broker inside this process, on a free port of the loopback: for development without Kafka, for
    # demonstrations and for specs. Producers, consumers and groups of this process, and of others on this machine, use
    # it like any broker.
    #
    # It is not a Kafka to run anything on: nothing is durable, and all of it ends with the process; a partition keeps
    # its last 100,000 messages or 5 MB, whichever is less, in memory of this process; there is no administration of
    # topics over the wire, no authentication and no compaction. A topic that is used without being created gets
    # four partitions.
    # @example in karafka.rb
    #   broker = Karafka::Embedded::Broker.start(topics: { "orders" => 4 })
    #   config.kafka = { "bootstrap.servers": broker.bootstrap_servers }
    class Broker
      # What its clients do better with. Its groups wait a session's length, less a second, before they give partitions
      # to a member that comes after the last one left: 44 s by default. A fetch that finds nothing waits to its end,
      # whatever arrives meanwhile. Times in ms.
      CLIENT_SETTINGS = {
        "session.timeout.ms": 1_500, "heartbeat.interval.ms": 300, "fetch.wait.max.ms": 50
      }.freeze
      @addresses = []

      class << self
        # Starts a broker. Each call starts one more.
        # @param topics [Hash{String, Symbol => Integer}] names of topics with their number of partitions
        # @return [Broker]
        # @raise [Errors::InvalidConfigurationError] for a topic that can not be; it is named
        # @example
        #   Karafka::Embedded::Broker.start(topics: { "orders" => 4, "refunds" => 1 })
        def start(topics: {})
          start_cluster(1, topics)
        end

        # Starts several brokers that are one cluster, for specs about failing brokers
        # @api private
        def start_cluster(brokers, topics)
          new(Native::Broker.start(brokers, topics.transform_keys(&:to_s))).tap do |broker|
            @addresses.concat(broker.bootstrap_servers.split(","))
          end
        end

        # Defaults for a consumer of brokers that were started here. In a fork they are the same: its parent serves.
        # @param kafka [Hash{Symbol => Object}] settings of the consumer
        # @return [Hash{Symbol => Integer}] empty unless all of its `bootstrap.servers` were started here
        # @api private
        def client_settings(kafka)
          addresses = Array(kafka[:"bootstrap.servers"]).join(",").split(",").map(&:strip)
          return {} if addresses.empty? || (addresses - @addresses).any?

          # In groups of KIP-848 the broker sets the session, and librdkafka refuses one of the client
          kafka[:"group.protocol"].to_s == "consumer" ? CLIENT_SETTINGS.slice(:"fetch.wait.max.ms") : CLIENT_SETTINGS
        end

        private :new
      end

      # @return [Native::Broker] with what specs need to make it fail
      # @api private
      attr_reader :native

      # @param native [Native::Broker]
      # @api private
      def initialize(native)
        @native = native
      end

      # @return [String] value for `bootstrap.servers`
      def bootstrap_servers
        native.bootstrap_servers
      end

      # @param name [String, Symbol]
      # @param partitions [Integer] 1 or more
      # @return [nil]
      # @raise [Rdkafka::RdkafkaError] with the code `:topic_already_exists`
      # @raise [Errors::InvalidConfigurationError] for a topic that can not be
      def create_topic(name, partitions: 1)
        native.create_topic(name.to_s, partitions)
      end

      # @return [Boolean] does it serve: not after {#stop}, and not in a fork of the process that started it
      def running?
        native.running?
      end

      # Ends it; its messages are gone. Does nothing the second time, or in a fork.
      # @return [nil]
      def stop
        native.stop
      end

      # @return [String]
      def inspect
        "#<#{self.class} #{bootstrap_servers} #{running? ? "running" : "stopped"}>"
      end
    end
  end
end
