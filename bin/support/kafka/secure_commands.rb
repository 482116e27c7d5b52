# frozen_string_literal: true

module DevKafka
  # What the command line has for a cluster with secure listeners
  module SecureCommands
    NAMES = %w[client token password].freeze

    def client(way = nil)
      raise Error, "client wants a way in: #{Security::MECHANISMS.keys.join(", ")}" unless way

      settings = { "bootstrap.servers" => cluster.secure_bootstrap(way) }
      settings.merge(cluster.security.client(way, @options[:user])).each { |key, value| puts "#{key}=#{value}" }
      0
    end

    def token
      raise Error, "#{cluster.name} has no secure listeners: start it with --secure" unless cluster.secure?

      puts cluster.security.tokens.issue(@options[:user], seconds: @options[:seconds] || 3_600)
      0
    end

    def password(user = nil, word = nil)
      raise Error, "password wants a user and a password" unless user && word

      cluster.change_password(user, word)
      0
    end

    private

    def print_secure_bootstraps
      return unless cluster.secure?

      puts "mtls.bootstrap.servers=#{cluster.secure_bootstrap("mtls")}"
      puts "sasl_ssl.bootstrap.servers=#{cluster.secure_bootstrap("plain")}"
    end
  end
end
