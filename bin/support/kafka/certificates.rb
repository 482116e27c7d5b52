# frozen_string_literal: true

require "fileutils"
require "openssl"
require_relative "distribution"

module DevKafka
  # The certificates of a cluster with secure listeners: an authority, a broker, and clients of which some are no good.
  # keytool makes them, as PKCS #12; librdkafka's usual form, PEM, is made of that.
  class Certificates
    PASSWORDS = { keystore: "keystore-secret", key: "key-secret" }.freeze
    VALID = ["-validity", "3650"].freeze
    # By authority. A client's name is its certificate's CN, which the broker takes as its user.
    HOLDERS = {
      "ca" => {
        "broker" => [*VALID, "-ext", "san=ip:127.0.0.1,dns:localhost"], "alice" => VALID, "bob" => VALID,
        "expired" => ["-startdate", "-2d", "-validity", "1"]
      },
      "other-ca" => { "stranger" => VALID }
    }.freeze
    private_constant :VALID

    attr_reader :dir

    def initialize(dir)
      @dir = dir
    end

    def path(file) = File.join(dir, file)

    # Makes what isn't there. Made beside and renamed: a run that was interrupted leaves no half.
    def make
      return if File.directory?(dir)

      partial = self.class.new("#{dir}.partial")
      FileUtils.rm_rf(partial.dir)
      FileUtils.mkdir_p(partial.dir)
      HOLDERS.each { |authority, holders| partial.issue(authority, holders) }
      File.rename(partial.dir, dir)
    end

    # Puts another certificate and key where a client's are, as who renews them does.
    def replace(holder, with:)
      %w[pem key].each do |kind|
        FileUtils.cp(path("#{with}.#{kind}"), path("#{holder}.#{kind}.new"))
        File.rename(path("#{holder}.#{kind}.new"), path("#{holder}.#{kind}"))
      end
    end

    protected

    def issue(authority, holders)
      pair(authority, authority, "-dname", "CN=karafka_embedded #{authority}", "-ext", "bc:c", *VALID)
      holders.each do |holder, options|
        pair(authority, holder, "-signer", authority, "-dname", "CN=#{holder}", *options)
      end
      holders.each_key { |holder| separate(authority, holder) }
    end

    private

    def pair(authority, name, *options)
      keytool("-genkeypair", "-alias", name, "-keyalg", "EC", "-groupname", "secp256r1", *options,
              "-keystore", path("#{authority}.p12"), "-storetype", "PKCS12", "-storepass", PASSWORDS[:keystore])
    end

    # A store of its own, and PEM files; the authority's certificate comes with it.
    def separate(authority, holder)
      keytool("-importkeystore", "-srckeystore", path("#{authority}.p12"), "-srcstorepass", PASSWORDS[:keystore],
              "-srcalias", holder, "-destkeystore", path("#{holder}.p12"), "-deststoretype", "PKCS12",
              "-deststorepass", PASSWORDS[:keystore])
      store = OpenSSL::PKCS12.new(File.binread(path("#{holder}.p12")), PASSWORDS[:keystore])
      File.write(path("#{holder}.pem"), store.certificate.to_pem)
      File.write(path("#{holder}.key"), store.key.to_pem(OpenSSL::Cipher.new("aes-256-cbc"), PASSWORDS[:key]))
      File.write(path("#{authority}.pem"), store.ca_certs.first.to_pem)
    end

    def keytool(*words)
      brief = Distribution::BRIEF.map { |option| "-J#{option}" }
      out = IO.popen(["keytool", *brief, *words], err: %i[child out], &:read)
      raise Error, "keytool failed: #{out}" unless $?.success? # rubocop:disable Style/SpecialGlobalVars
    rescue Errno::ENOENT
      raise Error, "keytool is missing: run bin/setup"
    end
  end
end
