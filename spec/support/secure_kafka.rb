# frozen_string_literal: true

require_relative "kafka_server"

# A broker with secure listeners, for the whole of a file: `let` it be `kafka`
module SecureKafka
  # @param way [String] a listener, as bin/kafka names it
  # @param changes [Hash] other settings; nil takes one out
  # @return [Hash{Symbol => String}] settings for librdkafka
  def client_settings(way, user: "alice", **changes)
    cluster = kafka.cluster
    settings = { "bootstrap.servers" => cluster.secure_bootstrap(way), **cluster.security.client(way, user) }
    settings.transform_keys(&:to_sym).merge(changes).compact
  end

  # Reconnecting as a program in production would, only sooner
  # @see #client_settings
  def set_up(way, user: "alice", **changes, &block)
    settings = { "reconnect.backoff.max.ms": 500, "statistics.interval.ms": 500, **client_settings(way, user: user) }
    settings = settings.merge(changes).compact
    setup_embedded(settings.fetch(:"bootstrap.servers"), kafka: settings, &block)
  end

  def allow_access(operation, user: "alice", **resource)
    wire { |wire| wire.allow(user, operation, **resource) }
  end

  def withdraw_access(operation, user: "alice", **resource)
    wire { |wire| wire.withdraw(user, operation, **resource) }
  end

  # A topic that alice may read
  def readable_topic
    KafkaServer.create_topic("orders", servers: kafka.bootstrap).tap { |name| allow_access(:read, topic: name) }
  end

  def feed_plain(topic, payloads)
    Feed.open(kafka.bootstrap) { |feed| feed.send(topic, payloads) }
  end

  # Waits for an error, and for health to have it among its reasons
  def expect_refusal(words, code:, within: 40)
    eventually("error", within: within) { errors.any? { |one| one.error.message.match?(words) } }
    reported = errors.find { |one| one.error.message.match?(words) }
    expect(reported.error).to have_attributes(code: code)
    eventually("health to say so", within: within) { health_reasons.any?(words) }
    expect(Karafka::Embedded).not_to be_healthy
    reported
  end

  def health_reasons
    Karafka::Embedded.health[:reasons]
  end

  private

  def wire(&block) = KafkaServer.wire(kafka.bootstrap, &block)
end
