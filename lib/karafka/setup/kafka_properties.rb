# frozen_string_literal: true

module Karafka
  module Setup
    # What librdkafka accepts in a `kafka` scope: names, whose they are (C consumer, P producer, * both), types, ranges.
    #
    # librdkafka itself is not asked, because nothing native may happen before a fork: validation runs while routes are
    # drawn, which a preloading Puma does in its master. The table follows the CONFIGURATION.md of the librdkafka that
    # the engine is built with; its texts are librdkafka's, since people search for them.
    #
    # @api private
    module KafkaProperties
      TABLE = <<~PROPERTIES
        acks P int -1..1000
        allow.auto.create.topics * bool
        api.version.fallback.ms * int 0..604800000
        api.version.request * bool
        api.version.request.timeout.ms * int 1..300000
        auto.commit.enable C bool
        auto.commit.interval.ms C int 0..86400000
        auto.offset.reset C enum smallest|earliest|beginning|largest|latest|end|error
        batch.num.messages P int 1..1000000
        batch.size P int 1..2147483647
        bootstrap.servers * str
        broker.address.family * enum any|v4|v6
        broker.address.ttl * int 0..86400000
        broker.version.fallback * str
        check.crcs C bool
        client.dns.lookup * enum use_all_dns_ips|resolve_canonical_bootstrap_servers_only
        client.id * str
        client.rack * str
        compression.codec P enum none|gzip|snappy|lz4|zstd|inherit
        compression.level P int -1..12
        compression.type P enum none|gzip|snappy|lz4|zstd
        connections.max.idle.ms * int 0..2147483647
        consume.callback.max.messages C int 0..1000000
        coordinator.query.interval.ms C int 1..3600000
        debug * flags
        delivery.report.only.error P bool
        delivery.timeout.ms P int 0..2147483647
        enable.auto.commit C bool
        enable.auto.offset.store C bool
        enable.gapless.guarantee P bool
        enable.idempotence P bool
        enable.metrics.push * bool
        enable.partition.eof C bool
        enable.random.seed * bool
        enable.sasl.oauthbearer.unsecure.jwt * bool
        enable.ssl.certificate.verification * bool
        enabled_events * int 0..2147483647
        fetch.error.backoff.ms C int 0..300000
        fetch.max.bytes C int 0..2147483135
        fetch.message.max.bytes C int 1..1000000000
        fetch.min.bytes C int 1..100000000
        fetch.queue.backoff.ms C int 0..300000
        fetch.wait.max.ms C int 0..300000
        group.id C str
        group.instance.id C str
        group.protocol C enum classic|consumer
        group.protocol.type C str
        group.remote.assignor C str
        heartbeat.interval.ms C int 1..3600000
        https.ca.location * str
        https.ca.pem * str
        internal.termination.signal * int 0..128
        isolation.level C enum read_uncommitted|read_committed
        linger.ms P float 0..900000
        log.connection.close * bool
        log.queue * bool
        log.thread.name * bool
        log_level * int 0..7
        max.in.flight * int 1..1000000
        max.in.flight.requests.per.connection * int 1..1000000
        max.partition.fetch.bytes C int 1..1000000000
        max.poll.interval.ms C int 1..86400000
        message.copy.max.bytes * int 0..1000000000
        message.max.bytes * int 1000..1000000000
        message.send.max.retries P int 0..2147483647
        message.timeout.ms P int 0..2147483647
        metadata.broker.list * str
        metadata.max.age.ms * int 1..86400000
        metadata.recovery.rebootstrap.trigger.ms * int 0..2147483647
        metadata.recovery.strategy * enum none|rebootstrap
        offset.store.method C enum none|file|broker
        offset.store.path C str
        offset.store.sync.interval.ms C int -1..86400000
        partition.assignment.strategy C str
        partitioner P str
        plugin.library.paths * str
        produce.offset.report P bool
        queue.buffering.backpressure.threshold P int 1..1000000
        queue.buffering.max.kbytes P int 1..2147483647
        queue.buffering.max.messages P int 0..2147483647
        queue.buffering.max.ms P float 0..900000
        queued.max.messages.kbytes C int 1..2097151
        queued.min.messages C int 1..10000000
        queuing.strategy P enum fifo|lifo
        receive.message.max.bytes * int 1000..2147483647
        reconnect.backoff.jitter.ms * int 0..3600000
        reconnect.backoff.max.ms * int 0..3600000
        reconnect.backoff.ms * int 0..3600000
        request.required.acks P int -1..1000
        request.timeout.ms P int 1..900000
        retries P int 0..2147483647
        retry.backoff.max.ms * int 1..300000
        retry.backoff.ms * int 1..300000
        sasl.kerberos.keytab * str
        sasl.kerberos.kinit.cmd * str
        sasl.kerberos.min.time.before.relogin * int 0..86400000
        sasl.kerberos.principal * str
        sasl.kerberos.service.name * str
        sasl.mechanism * str
        sasl.mechanisms * str
        sasl.oauthbearer.assertion.algorithm * enum RS256|ES256
        sasl.oauthbearer.assertion.claim.aud * str
        sasl.oauthbearer.assertion.claim.exp.seconds * int 1..2147483647
        sasl.oauthbearer.assertion.claim.iss * str
        sasl.oauthbearer.assertion.claim.jti.include * bool
        sasl.oauthbearer.assertion.claim.nbf.seconds * int 0..2147483647
        sasl.oauthbearer.assertion.claim.sub * str
        sasl.oauthbearer.assertion.file * str
        sasl.oauthbearer.assertion.jwt.template.file * str
        sasl.oauthbearer.assertion.private.key.file * str
        sasl.oauthbearer.assertion.private.key.passphrase * str
        sasl.oauthbearer.assertion.private.key.pem * str
        sasl.oauthbearer.client.credentials.client.id * str
        sasl.oauthbearer.client.credentials.client.secret * str
        sasl.oauthbearer.client.id * str
        sasl.oauthbearer.client.secret * str
        sasl.oauthbearer.config * str
        sasl.oauthbearer.extensions * str
        sasl.oauthbearer.grant.type * enum client_credentials|urn:ietf:params:oauth:grant-type:jwt-bearer
        sasl.oauthbearer.metadata.authentication.type * enum none|azure_imds
        sasl.oauthbearer.method * enum default|oidc
        sasl.oauthbearer.scope * str
        sasl.oauthbearer.token.endpoint.url * str
        sasl.password * str
        sasl.username * str
        security.protocol * enum plaintext|ssl|sasl_plaintext|sasl_ssl
        session.timeout.ms C int 1..3600000
        socket.blocking.max.ms * int 1..60000
        socket.connection.setup.timeout.ms * int 1000..2147483647
        socket.keepalive.enable * bool
        socket.max.fails * int 0..1000000
        socket.nagle.disable * bool
        socket.receive.buffer.bytes * int 0..100000000
        socket.send.buffer.bytes * int 0..100000000
        socket.timeout.ms * int 10..300000
        ssl.ca.certificate.stores * str
        ssl.ca.location * str
        ssl.ca.pem * str
        ssl.certificate.location * str
        ssl.certificate.pem * str
        ssl.cipher.suites * str
        ssl.crl.location * str
        ssl.curves.list * str
        ssl.endpoint.identification.algorithm * enum none|https
        ssl.engine.id * str
        ssl.engine.location * str
        ssl.key.location * str
        ssl.key.password * str
        ssl.key.pem * str
        ssl.keystore.location * str
        ssl.keystore.password * str
        ssl.providers * str
        ssl.sigalgs.list * str
        statistics.interval.ms * int 0..86400000
        sticky.partitioning.linger.ms P int 0..900000
        topic.blacklist * str
        topic.metadata.propagation.max.ms * int 0..3600000
        topic.metadata.refresh.fast.cnt * int 0..1000
        topic.metadata.refresh.fast.interval.ms * int 1..60000
        topic.metadata.refresh.interval.ms * int -1..3600000
        topic.metadata.refresh.sparse * bool
        transaction.timeout.ms P int 1000..2147483647
        transactional.id P str
      PROPERTIES
      private_constant :TABLE

      # One row of the table. `range` is an Array of words for enums, a Range for numbers, else nil.
      Property = Struct.new(:name, :owner, :type, :range)

      BOOLEANS = %w[true t 1 false f 0].freeze
      private_constant :BOOLEANS

      class << self
        # @return [Hash{Symbol => Property}] every property by its name
        def all
          @all ||= TABLE.each_line.to_h do |line|
            name, owner, type, range = line.split
            [name.to_sym, Property.new(name, owner, type, parse_range(type, range)).freeze]
          end.freeze
        end

        # @param owner [String] "C" or "P"
        # @return [Array<Symbol>] names valid for a client of that kind
        def names(owner)
          all.values.select { |property| property.owner == "*" || property.owner == owner }.map { |p| p.name.to_sym }
        end

        # @param settings [Hash] a kafka scope
        # @return [String, nil] what librdkafka would say about the first wrong setting, secrets masked
        def error_in(settings)
          settings.each do |name, value|
            property = all[name.to_sym]
            return "No such configuration property: \"#{name}\"" unless property

            text = value_error(property, value)
            return text if text
          end
          nil
        end

        private

        def parse_range(type, range)
          return nil unless range

          case type
          when "enum" then range.split("|")
          when "int" then Range.new(*range.split("..").map { |bound| Integer(bound) })
          when "float" then Range.new(*range.split("..").map { |bound| Float(bound) })
          end
        end

        def value_error(property, value)
          case property.type
          when "int", "float" then number_error(property, value)
          when "bool" then invalid(property, value) unless BOOLEANS.include?(value.to_s.downcase)
          when "enum" then invalid(property, value) unless property.range.include?(value.to_s.downcase)
          else
            invalid(property, value) if value.is_a?(Hash)
          end
        end

        # `acks` alone has a word beside its numbers
        def number_error(property, value)
          return if %w[acks request.required.acks].include?(property.name) && value.to_s == "all"

          number = Float(value.to_s, exception: false)
          return invalid(property, value) if number.nil? || (property.type == "int" && number % 1 != 0)
          return if property.range.nil? || property.range.cover?(number)

          "Configuration property \"#{property.name}\" value #{value} is outside allowed range " \
            "#{property.range.begin}..#{property.range.end}"
        end

        def invalid(property, value)
          "Invalid value \"#{Secrets.mask_value(property.name,
                                                value)}\" for configuration property \"#{property.name}\""
        end
      end
    end
  end
end
