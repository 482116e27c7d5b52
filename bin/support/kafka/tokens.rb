# frozen_string_literal: true

require "json"
require "openssl"

module DevKafka
  # An issuer of OAUTHBEARER tokens (RFC 7523) without a server: the broker reads its public key from a file (JWKS).
  class Tokens
    AUDIENCE = "kafka"
    ISSUER = "bin/kafka"
    KEY_ID = "1"

    def initialize(dir)
      @dir = dir
    end

    def key_set = File.join(@dir, "jwks.json")

    # Makes the key unless it is there
    def make
      return if File.exist?(key_set)

      key = OpenSSL::PKey::RSA.new(2048)
      File.write(key_file, key.to_pem)
      numbers = { n: key.n, e: key.e }.transform_values { |number| encode(number.to_s(2)) }
      File.write(key_set, JSON.generate(keys: [{ kty: "RSA", kid: KEY_ID, use: "sig", alg: "RS256", **numbers }]))
    end

    # @param user [String]
    # @param seconds [Integer] how long it is valid
    # @param key [OpenSSL::PKey::RSA] the issuer's; another makes a token that the broker refuses
    # @return [String]
    def issue(user, seconds: 3_600, key: OpenSSL::PKey::RSA.new(File.read(key_file)))
      now = Time.now.to_i
      claims = { sub: user, iss: ISSUER, aud: AUDIENCE, iat: now, exp: now + seconds }
      signed = [{ alg: "RS256", kid: KEY_ID, typ: "JWT" }, claims].map { |part| encode(JSON.generate(part)) }.join(".")
      "#{signed}.#{encode(key.sign("SHA256", signed))}"
    end

    private

    def key_file = File.join(@dir, "issuer.key")
    def encode(bytes) = [bytes].pack("m0").tr("+/", "-_").delete("=")
  end
end
