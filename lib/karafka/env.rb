# frozen_string_literal: true

module Karafka
  # Name of the environment the process runs in
  # @example
  #   Karafka.env.production? #=> false
  class Env < String
    # Environment variables that name it, the first that is set wins
    LOOKUP_ENV_KEYS = %w[KARAFKA_ENV RACK_ENV RAILS_ENV].freeze
    # When none is set
    DEFAULT_ENV = "development"

    private_constant :LOOKUP_ENV_KEYS, :DEFAULT_ENV

    def initialize
      super(LOOKUP_ENV_KEYS.filter_map { |key| ENV.fetch(key, nil) }.find { |name| !name.empty? } || DEFAULT_ENV)
    end

    # @param method_name [Symbol] name that ends with a question mark, for {#method_missing}
    # @return [Boolean]
    def respond_to_missing?(method_name, include_private = false)
      method_name.end_with?("?") || super
    end

    # Answers `production?`, `staging?` and the like
    # @return [Boolean] is the environment the one asked for
    def method_missing(method_name, *arguments)
      return super unless method_name.end_with?("?")

      self == method_name[0..-2]
    end
  end
end
