# frozen_string_literal: true

require "tmpdir"

RSpec.describe "Secure listeners" do
  include SecureKafka

  before(:context) { @kafka = KafkaServer::Own.start("--secure") }
  after(:context) { @kafka.finish }

  let(:kafka) { @kafka }
  let(:topic) { readable_topic }
  let(:group) { unique("group").tap { |name| allow_access(:read, group: name) } }
  let(:seen) { Queue.new }
  let(:security) { kafka.cluster.security }

  # Hands out what the example has for the moment
  let(:provider) do
    Class.new do
      attr_accessor :answer, :calls

      def on_oauthbearer_token_refresh(event)
        @calls = calls.to_i + 1
        answer.call(event[:bearer])
      end
    end.new
  end

  def token(seconds: 3_600, **options)
    value = security.tokens.issue("alice", seconds: seconds, **options)
    lambda do |bearer|
      bearer.oauthbearer_set_token(
        token: value, lifetime_ms: (Time.now.to_i + seconds) * 1_000, principal_name: "alice"
      )
    end
  end

  def enter(way, **changes)
    set_up(way, **changes) do |config|
      config.group_id = group
      config.embedded.crash_policy = :report
      config.oauth.token_provider_listener = provider if way == "oauthbearer"
      yield(config) if block_given?
    end
  end

  def consume_here(name = topic)
    told = seen
    route(name, consumer_class { messages.each { |message| told << message.raw_payload } })
  end

  def all_seen
    Array.new(seen.size) { seen.pop.tap { |payload| seen << payload } }
  end

  def expect_seen(payloads, within: 60)
    eventually("#{payloads.size} messages", within: within) { (payloads - all_seen).empty? }
  end

  def expect_healthy(within: 60)
    eventually("health", within: within) { Karafka::Embedded.healthy? }
  end

  DevKafka::Security::MECHANISMS.each_key do |way|
    it "let an application consume and produce by #{way}" do
      provider.answer = token
      allow_access(:write, topic: topic)
      enter(way)
      consume_here
      start_with({ topic => 1 })
      Karafka.producer.produce_sync(topic: topic, payload: "one")
      expect_seen(%w[one])
      expect_healthy
      expect(Karafka::Embedded.stop).to be_clean
      expect(errors).to be_empty
    ensure
      Karafka.producer.close
    end
  end

  describe "a password" do
    let(:ways) { %w[plain scram-sha-256 scram-sha-512] }

    after { kafka.cluster.change_password("alice", DevKafka::Security::PASSWORDS["alice"]) if @changed }

    def change_password(word)
      @changed = true
      kafka.cluster.change_password("alice", word)
    end

    # A group for each mechanism
    def route_ways
      ways.each { |way| allow_access(:read, group: "#{group}-#{way}") }
      settings = ways.to_h { |way| [way, { **Karafka::App.config.kafka, **client_settings(way) }] }
      consumers = ways.to_h { |way| [way, consumer_of(way)] }
      name = topic
      prefix = group
      Karafka::App.routes.draw do
        settings.each do |way, kafka|
          consumer_group("#{prefix}-#{way}") do
            topic(name) do
              consumer consumers[way]
              kafka(kafka)
            end
          end
        end
      end
    end

    def consumer_of(way)
      told = seen
      consumer_class { messages.each { |message| told << "#{way} #{message.raw_payload}" } }
    end

    def expected(numbers)
      ways.product(numbers.to_a).map { |way, number| "#{way} #{number}" }
    end

    it "that the broker doesn't take any more is named, and taken again when it is right again" do
      enter("plain")
      route_ways
      feed_plain(topic, (1..100).map(&:to_s))
      start_with({ topic => 3 })
      expect_seen(expected(1..100))

      change_password("another")
      ways.each do |way|
        reported = expect_refusal(/\A.*#{group}-#{way}_.*`sasl\.username` and `sasl\.password`/m, code: :authentication)
        expect(reported.error.message).not_to include("alice-secret", "another")
      end
      feed_plain(topic, (101..200).map(&:to_s))
      change_password("alice-secret")
      expect_healthy
      expect_seen(expected(1..200))

      # A group that was let in again read on, and may not have committed before the broker ended for the others: what
      # was there by then may come twice
      feed_plain(topic, (201..300).map(&:to_s))
      expect_seen(expected(201..300))
      expect(Karafka::Embedded.stop).to be_clean
      expect(all_seen.tally.slice(*expected(201..300)).values.uniq).to eq([1])
    end
  end

  describe "a certificate" do
    around { |example| Dir.mktmpdir { |directory| (@directory = directory) && example.run } }

    # What the application has, which somebody may renew
    def own(holder)
      %w[pem key].each do |kind|
        FileUtils.cp(security.certificates.path("#{holder}.#{kind}"), File.join(@directory, "me.#{kind}"))
      end
      { certificate: "pem", key: "key" }.to_h { |what, kind| [:"ssl.#{what}.location", "#{@directory}/me.#{kind}"] }
    end

    %w[expired stranger].each do |holder|
      it "of #{holder == "expired" ? "former times" : "another authority"} is named, and used once it is renewed" do
        feed_plain(topic, %w[1 2])
        enter("mtls", **own(holder))
        consume_here
        Karafka::Embedded.start
        expect_refusal(/`ssl\.certificate\.location`.*expired/, code: :ssl)
        own("alice")
        expect_healthy
        expect_seen(%w[1 2])
      end
    end

    it "that is missing is named" do
      absent = { "ssl.certificate.location": nil, "ssl.key.location": nil, "ssl.key.password": nil }
      enter("mtls", **absent)
      consume_here
      Karafka::Embedded.start
      expect_refusal(/`ssl\.certificate\.location`.*missing/, code: :ssl)
    end

    it "of the broker that the application's authority hasn't signed is named" do
      enter("plain", "ssl.ca.location": security.certificates.path("other-ca.pem"))
      consume_here
      Karafka::Embedded.start
      expect_refusal(/`ssl\.ca\.location`/, code: :ssl)
      told = errors.map { |one| one.error.message }
      expect(told.tally.values.max).to be <= 2
    end

    it "with another password for its key is refused at the start, by name" do
      enter("mtls", "ssl.key.password": "not-this-one")
      consume_here
      expect { Karafka::Embedded.start }.to raise_error(Rdkafka::Config::ClientCreationError) { |error|
        expect(error.message).to include("ssl.key.location")
        expect(error.message).not_to include("not-this-one")
      }
    end
  end

  describe "a protocol that the listener doesn't speak" do
    it "is named" do
      enter("plain", "bootstrap.servers": kafka.bootstrap)
      consume_here
      Karafka::Embedded.start
      eventually("error") { errors.any? { |one| one.error.message.include?("`security.protocol`") } }
      eventually("health to say so") { health_reasons.any?(/not connected.*`security\.protocol`/m) }
    end
  end

  describe "a token" do
    let(:stranger) { OpenSSL::PKey::RSA.new(2_048) }

    it "that the broker refuses is named, and another one is asked for until it is taken" do
      feed_plain(topic, %w[1 2])
      provider.answer = token(key: stranger)
      enter("oauthbearer")
      consume_here
      Karafka::Embedded.start
      reported = expect_refusal(/the token of `oauth\.token_provider_listener`/, code: :authentication)
      expect(reported.error.message).not_to include("ey")
      provider.answer = token
      expect_healthy
      expect_seen(%w[1 2])
      expect(provider.calls).to be > 1
    end

    it "that can't be had is named, and asked for again" do
      provider.answer = ->(_bearer) { raise "the issuer is away" }
      enter("oauthbearer")
      consume_here
      Karafka::Embedded.start
      expect_refusal(/`oauth\.token_provider_listener`.*it brought no token/, code: :authentication)
      expect(errors.map(&:type)).to include("callbacks.oauthbearer_token_refresh.error")
      provider.answer = token
      expect_healthy
    end

    it "that nobody provides is named" do
      enter("oauthbearer") { |config| config.oauth.token_provider_listener = false }
      consume_here
      Karafka::Embedded.start
      expect_refusal(/`oauth\.token_provider_listener`/, code: :authentication)
    end

    it "is renewed before it ends" do
      provider.answer = ->(bearer) { token(seconds: 12).call(bearer) }
      enter("oauthbearer")
      consume_here
      start_with({ topic => 1 })
      eventually("other tokens", within: 60) { provider.calls > 2 }
      feed_plain(topic, %w[1])
      expect_seen(%w[1])
      expect(errors).to be_empty
    end

    it "of the producer is renewed too, and a refused one named" do
      provider.answer = token(key: stranger)
      allow_access(:write, topic: topic)
      enter("oauthbearer")
      refused = Queue.new
      Karafka.producer.monitor.subscribe("error.occurred") { |event| refused << event[:error].message }
      delivery = Karafka.producer.produce_async(topic: topic, payload: "one")
      eventually("refusal", within: 40) { !refused.empty? }
      expect(refused.pop).to include("the token of `oauth.token_provider_listener`")
      provider.answer = token
      expect(delivery.wait(max_wait_timeout_ms: 90_000).offset).to eq(0)
    ensure
      Karafka.producer.close
    end
  end

  describe "an ACL" do
    it "that a topic lacks is named, and its messages come once it is there" do
      hidden = KafkaServer.create_topic("hidden", servers: kafka.bootstrap)
      feed_plain(hidden, %w[1 2])
      enter("plain")
      consume_here(hidden)
      Karafka::Embedded.start
      expect_refusal(/#{hidden}.*lacks READ on the topic/, code: :topic_authorization_failed)
      allow_access(:read, topic: hidden)
      expect_healthy
      expect_seen(%w[1 2])
    end

    it "that one of two topics lacks doesn't keep the other" do
      hidden = KafkaServer.create_topic("hidden", servers: kafka.bootstrap)
      feed_plain(topic, %w[1])
      feed_plain(hidden, %w[2])
      enter("plain")
      consume_here
      consume_here(hidden)
      Karafka::Embedded.start
      expect_refusal(/#{hidden}.*lacks READ on the topic/, code: :topic_authorization_failed)
      expect_seen(%w[1])
      allow_access(:read, topic: hidden)
      expect_healthy
      expect_seen(%w[1 2])
    end

    it "that the group lacks is named, and its messages come once it is there" do
      feed_plain(topic, %w[1 2])
      shut = unique("shut")
      enter("plain") { |config| config.group_id = shut }
      consume_here
      Karafka::Embedded.start
      expect_refusal(/lacks READ on the group of `group\.id`/, code: :group_authorization_failed)
      allow_access(:read, group: shut)
      expect_healthy
      expect_seen(%w[1 2])
    end

    it "that is taken away while messages come is named, and nothing is lost until it is given back" do
      feed_plain(topic, (1..50).map(&:to_s))
      enter("plain")
      consume_here
      start_with({ topic => 1 })
      expect_seen((1..50).map(&:to_s))
      withdraw_access(:read, topic: topic)
      feed_plain(topic, (51..100).map(&:to_s))
      expect_refusal(/#{topic}.*lacks READ on the topic/, code: :topic_authorization_failed)
      allow_access(:read, topic: topic)
      expect_healthy
      expect_seen((1..100).map(&:to_s))
      expect(Karafka::Embedded.stop).to be_clean
    end
  end

  describe "secrets" do
    def all_that_is_told
      runtime = Karafka::Embedded.runtime
      objects = [Karafka::App.config, Karafka::App.routes, *Karafka::App.routes.first.topics, Karafka.producer,
                 runtime, runtime.plan, *runtime.plan.subscription_groups]
      [log.string, JSON.generate(Karafka::Embedded.health), *errors.map { |one| one.error.full_message },
       *objects.map(&:inspect), *objects.map(&:to_s)].join("\n")
    end

    it "are in no log at the debug level, no error, no health and no inspection" do
      enter("plain", "sasl.password": "the-wrong-secret", debug: "all")
      Karafka.monitor.subscribe(Karafka::Instrumentation::LoggerListener.new)
      consume_here
      Karafka::Embedded.start
      expect_refusal(/sasl\.password/, code: :authentication)
      expect(log.string).to include("rdkafka: ")
      expect(all_that_is_told).not_to include("the-wrong-secret")
    end

    it "of a key are in none of them either" do
      enter("mtls", debug: "all")
      Karafka.monitor.subscribe(Karafka::Instrumentation::LoggerListener.new)
      consume_here
      start_with({ topic => 1 })
      expect(all_that_is_told).not_to include(DevKafka::Certificates::PASSWORDS[:key])
    end

    it "of a token are in none of them either" do
      value = nil
      provider.answer = lambda do |bearer|
        value = security.tokens.issue("alice")
        bearer.oauthbearer_set_token(
          token: value, lifetime_ms: (Time.now.to_i + 3_600) * 1_000, principal_name: "alice"
        )
      end
      enter("oauthbearer", debug: "all")
      consume_here
      start_with({ topic => 1 })
      expect(all_that_is_told).not_to include(value)
    end
  end
end
