# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # The client that asks for an OAUTHBEARER token: `bearer` of `oauthbearer.token_refresh`. A token provider answers
    # with one of its methods.
    # @example
    #   class TokenProvider
    #     def on_oauthbearer_token_refresh(event)
    #       token = Idp.token
    #       event[:bearer].oauthbearer_set_token(
    #         token: token.value, lifetime_ms: token.expires_at.to_i * 1_000, principal_name: "orders"
    #       )
    #     rescue Idp::Error => e
    #       event[:bearer].oauthbearer_set_token_failure(e.message)
    #     end
    #   end
    class Bearer
      NOBODY = "nobody provides one: set `oauth.token_provider_listener`"
      private_constant :NOBODY

      # Asks for a token. Who raises instead of answering has none: the client hears of that, and asks again.
      # @param native [#call] gives what wants it
      # @param monitor [Core::Monitoring::Monitor] whose subscribers may have one
      # @yieldparam bearer [Bearer] to be handed to them
      # @api private
      def self.ask(native, monitor)
        bearer = new(native)
        listened = !monitor.respond_to?(:subscribed?) || monitor.subscribed?("oauthbearer.token_refresh")
        return bearer.oauthbearer_set_token_failure(NOBODY) unless listened

        begin
          yield(bearer)
        rescue Exception => e # rubocop:disable Lint/RescueException -- it goes on; without an answer nobody asks again
          bearer.oauthbearer_set_token_failure("#{e.class}: #{e.message}")
          raise
        end
      end

      # @param native [#call] gives the Native::Client
      # @api private
      def initialize(native)
        @native = native
      end

      # Connects with this token from now on
      # @param token [String]
      # @param lifetime_ms [Integer] when it expires, in milliseconds since the epoch
      # @param principal_name [String]
      # @param extensions [Hash{String, Symbol => String}, nil] SASL extensions (KIP-342)
      # @return [Integer] 0
      # @raise [Rdkafka::RdkafkaError] when librdkafka refuses it
      def oauthbearer_set_token(token:, lifetime_ms:, principal_name:, extensions: nil)
        pairs = (extensions || {}).to_h { |name, value| [name.to_s, value.to_s] }
        @native.call.set_token(token, Integer(lifetime_ms), principal_name, JSON.generate(pairs))
        0
      end

      # There is no token. It is asked for again in ten seconds.
      # @param reason [String]
      # @return [Integer] 0
      def oauthbearer_set_token_failure(reason)
        @native.call.set_token_failure(reason.to_s)
        0
      end
    end
  end
end
