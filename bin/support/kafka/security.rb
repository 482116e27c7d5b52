# frozen_string_literal: true

require_relative "certificates"
require_relative "tokens"

module DevKafka
  # The secure listeners of a cluster: TLS with client certificates, and SASL over TLS with each mechanism that
  # librdkafka has without a system library. Users get in with what they prove, and then need an ACL for all they do;
  # plaintext clients are super users.
  class Security
    PASSWORDS = { "alice" => "alice-secret", "bob" => "bob-secret" }.freeze
    SCRAM = %w[SCRAM-SHA-256 SCRAM-SHA-512].freeze
    # How a client may come: by the name that bin/kafka knows, librdkafka's mechanism.
    MECHANISMS = { "mtls" => nil, "plain" => "PLAIN", "scram-sha-256" => SCRAM[0], "scram-sha-512" => SCRAM[1],
                   "oauthbearer" => "OAUTHBEARER" }.freeze
    LISTENERS = { "MTLS" => :mtls, "SASL_SSL" => :sasl_ssl }.freeze
    MODULES = "org.apache.kafka.common.security"
    private_constant :LISTENERS, :MODULES

    attr_reader :certificates, :tokens

    # @param dir [String] the cluster's
    # @param passwords [Hash{String => String}] of the users, where they were changed
    def initialize(dir, passwords = PASSWORDS)
      @certificates = Certificates.new(File.join(dir, "security"))
      @tokens = Tokens.new(certificates.dir)
      @passwords = passwords
    end

    def make
      certificates.make
      tokens.make
    end

    # @return [Hash{String => Object}] the broker's properties
    def properties(broker, own)
      listeners = LISTENERS.map { |name, port| "#{name}://#{Broker::HOST}:#{broker.secure_ports.fetch(port)}" }
      {
        "listeners" => [own["listeners"], *listeners].join(","),
        "advertised.listeners" => [own["advertised.listeners"], *listeners].join(","),
        "authorizer.class.name" => "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users" => "User:ANONYMOUS", "allow.everyone.if.no.acl.found" => false
      }.merge(tls, passwords, oauthbearer)
    end

    # @return [Array<String>] for Kafka's format tool
    def format_options
      SCRAM.product(@passwords.to_a).flat_map do |mechanism, (user, password)|
        ["--add-scram", "#{mechanism}=[name=#{user},password=#{password}]"]
      end
    end

    # @return [Array<String>] for Kafka's configuration tool, which takes one mechanism at a time
    def self.password_options(user, mechanism, password)
      ["--alter", "--entity-type", "users", "--entity-name", user,
       "--add-config", "#{mechanism}=[password=#{password}]"]
    end

    # The broker must not fetch keys from anywhere else.
    def java_options = ["-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=#{key_set_url}"]

    # @param way [String] a name of {MECHANISMS}
    # @return [Hash{String => String}] librdkafka's settings, without servers; with oauthbearer a token has to follow
    def client(way, user)
      mechanism = MECHANISMS.fetch(way) { raise Error, "a way in is one of #{MECHANISMS.keys.join(", ")}" }
      trust = { "ssl.ca.location" => certificates.path("ca.pem") }
      return trust.merge(certificate_of(user)) unless mechanism

      sasl = trust.merge("security.protocol" => "sasl_ssl", "sasl.mechanism" => mechanism)
      return sasl if mechanism == "OAUTHBEARER"

      sasl.merge("sasl.username" => user, "sasl.password" => @passwords.fetch(user))
    end

    # @return [Symbol] whose port it is in {Broker#secure_ports}
    def self.listener(way) = way == "mtls" ? :mtls : :sasl_ssl

    private

    def certificate_of(user)
      {
        "security.protocol" => "ssl",
        "ssl.certificate.location" => certificates.path("#{user}.pem"),
        "ssl.key.location" => certificates.path("#{user}.key"),
        "ssl.key.password" => Certificates::PASSWORDS.fetch(:key)
      }
    end

    def tls
      secret = Certificates::PASSWORDS.fetch(:keystore)
      {
        "ssl.keystore.type" => "PKCS12", "ssl.keystore.location" => certificates.path("broker.p12"),
        "ssl.keystore.password" => secret, "ssl.key.password" => secret,
        "ssl.truststore.type" => "PEM", "ssl.truststore.location" => certificates.path("ca.pem"),
        "listener.name.mtls.ssl.client.auth" => "required",
        "ssl.principal.mapping.rules" => "RULE:^CN=([^,]+).*$/$1/"
      }
    end

    def passwords
      users = @passwords.map { |name, password| "user_#{name}=\"#{password}\"" }.join(" ")
      scram = SCRAM.to_h { |mechanism| [login(mechanism), "#{MODULES}.scram.ScramLoginModule required;"] }
      {
        "listener.name.sasl_ssl.sasl.enabled.mechanisms" => MECHANISMS.values.compact.join(","),
        login("PLAIN") => "#{MODULES}.plain.PlainLoginModule required #{users};"
      }.merge(scram)
    end

    # By default Kafka 4.1 takes any well-formed token. A validator that knows the keys of the issuer is to be named,
    # and is looked for without the mechanism in front.
    def oauthbearer
      package = "#{MODULES}.oauthbearer"
      {
        "oauthbearer.sasl.jaas.config" => "#{package}.OAuthBearerLoginModule required;",
        "oauthbearer.sasl.server.callback.handler.class" => "#{package}.OAuthBearerValidatorCallbackHandler",
        "sasl.oauthbearer.jwt.validator.class" => "#{package}.BrokerJwtValidator",
        "sasl.oauthbearer.jwks.endpoint.url" => key_set_url,
        "sasl.oauthbearer.expected.audience" => Tokens::AUDIENCE, "sasl.oauthbearer.expected.issuer" => Tokens::ISSUER
      }.transform_keys { |key| "listener.name.sasl_ssl.#{key}" }
    end

    def login(mechanism) = "listener.name.sasl_ssl.#{mechanism.downcase}.sasl.jaas.config"
    def key_set_url = "file://#{tokens.key_set}"
  end
end
