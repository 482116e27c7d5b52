# frozen_string_literal: true

module DevKafka
  # A broker's server.properties: loopback only, quick to form groups, nothing deleted while a test looks.
  module Properties
    # The users of the SASL listener, who need an ACL for all they do; plaintext clients are super users.
    SASL_USERS = { "alice" => "alice-secret", "bob" => "bob-secret" }.freeze

    module_function

    # @param settings [Hash] :partitions, :authorizer, :extra (Hash of properties that win)
    # @param security [Security, nil] of a cluster with secure listeners
    # @return [String]
    def render(broker, brokers, settings, security = nil)
      base(broker, brokers).merge(topics(brokers.size, settings.fetch(:partitions)), GROUPS, SMALL)
                           .merge(settings[:authorizer] ? authorizer(broker) : {})
                           .merge(security ? security.properties(broker, base(broker, brokers)) : {})
                           .merge(settings.fetch(:extra, {}))
                           .map { |key, value| "#{key}=#{value}\n" }.join
    end

    def base(broker, brokers)
      listener = "#{Broker::HOST}:#{broker.port}"
      {
        "process.roles" => "broker,controller",
        "node.id" => broker.id,
        "controller.quorum.voters" => brokers.map { |b| "#{b.id}@#{Broker::HOST}:#{b.controller_port}" }.join(","),
        "listeners" => "PLAINTEXT://#{listener},CONTROLLER://#{Broker::HOST}:#{broker.controller_port}",
        "advertised.listeners" => "PLAINTEXT://#{listener}",
        "listener.security.protocol.map" => "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT," \
                                            "MTLS:SSL,SASL_SSL:SASL_SSL",
        "inter.broker.listener.name" => "PLAINTEXT",
        "controller.listener.names" => "CONTROLLER",
        "log.dirs" => broker.data
      }
    end

    def topics(brokers, partitions)
      in_sync = brokers > 1 ? 2 : 1
      {
        "auto.create.topics.enable" => true, "num.partitions" => partitions,
        "default.replication.factor" => brokers, "min.insync.replicas" => in_sync,
        "offsets.topic.replication.factor" => brokers, "offsets.topic.num.partitions" => 8,
        "transaction.state.log.replication.factor" => brokers, "transaction.state.log.min.isr" => in_sync,
        "transaction.state.log.num.partitions" => 4,
        "share.coordinator.state.topic.replication.factor" => brokers,
        "share.coordinator.state.topic.min.isr" => in_sync, "share.coordinator.state.topic.num.partitions" => 4,
        "log.retention.ms" => -1, "log.retention.bytes" => -1, "offsets.retention.minutes" => 10_080
      }
    end

    # Both protocols of consumer groups: sessions as short as a fault test likes, no wait for more members.
    GROUPS = {
      "group.initial.rebalance.delay.ms" => 0,
      "group.min.session.timeout.ms" => 1_000,
      "group.consumer.min.session.timeout.ms" => 1_000,
      "group.consumer.min.heartbeat.interval.ms" => 100,
      "group.consumer.heartbeat.interval.ms" => 500,
      # With the default of 9 s a killed broker keeps its leaderships for as long.
      "broker.session.timeout.ms" => 3_000,
      "broker.heartbeat.interval.ms" => 500
    }.freeze

    # Two cores, up to three brokers, and topics of hundreds of partitions.
    SMALL = {
      "num.network.threads" => 2, "num.io.threads" => 4, "num.recovery.threads.per.data.dir" => 2,
      "background.threads" => 2, "log.index.size.max.bytes" => 1 << 20, "log.cleaner.dedupe.buffer.size" => 16 << 20,
      "message.max.bytes" => 8 << 20, "replica.fetch.max.bytes" => 8 << 20,
      "metadata.log.max.record.bytes.between.snapshots" => 20 << 20
    }.freeze

    def authorizer(broker)
      users = SASL_USERS.map { |name, password| "user_#{name}=\"#{password}\"" }.join(" ")
      login = "org.apache.kafka.common.security.plain.PlainLoginModule required #{users};"
      own = base(broker, [broker])
      sasl = "SASL://#{Broker::HOST}:#{broker.sasl_port}"
      {
        "listeners" => "#{own["listeners"]},#{sasl}",
        "advertised.listeners" => "#{own["advertised.listeners"]},#{sasl}",
        "sasl.enabled.mechanisms" => "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config" => login,
        "authorizer.class.name" => "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users" => "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found" => false
      }
    end
  end
end
