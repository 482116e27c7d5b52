# frozen_string_literal: true

module Karafka
  module Setup
    # Masks what must not reach a log, an error, an `inspect` or a page.
    module Secrets
      # What stands in the place of a secret
      MASK = "[FILTERED]"

      # Passwords, client secrets, keys and certificates in PEM form, and the free-form settings that may carry any
      PATTERN = /password|secret|passphrase|token\z|\.pem\z|jaas|sasl\.oauthbearer\.config|private\.key/
      private_constant :PATTERN

      class << self
        # @param name [String, Symbol] name of a librdkafka property or of another setting
        # @return [Boolean] is its value a secret
        def secret?(name)
          PATTERN.match?(name.to_s)
        end

        # @param settings [Hash] a kafka scope, nested hashes allowed
        # @return [Hash] a copy that may be printed
        # @example
        #   Karafka::Setup::Secrets.mask("sasl.password": "x") #=> { "sasl.password": "[FILTERED]" }
        def mask(settings)
          settings.to_h { |name, value| [name, value.is_a?(Hash) ? mask(value) : mask_value(name, value)] }
        end

        # @param name [String, Symbol] whose value it is
        # @param value [Object] the value
        # @return [Object] the value itself, or the mask
        def mask_value(name, value)
          secret?(name) && !value.nil? ? MASK : value
        end
      end
    end
  end
end
