# frozen_string_literal: true

module Karafka
  module Embedded
    # Something that does not pass without somebody's doing, as a crash policy that is a callable gets it.
    class Crash
      # What librdkafka's codes come down to
      CAUSES = {
        authentication: :authentication, sasl_authentication_failed: :authentication, ssl: :authentication,
        unsupported_sasl_mechanism: :authentication, illegal_sasl_state: :authentication,
        topic_authorization_failed: :authorization, group_authorization_failed: :authorization,
        cluster_authorization_failed: :authorization,
        inconsistent_group_protocol: :incompatible_strategy, unsupported_assignor: :incompatible_strategy,
        unsupported_version: :incompatible_strategy,
        fenced_instance_id: :fenced, fenced: :fenced, unreleased_instance_id: :fenced
      }.freeze
      private_constant :CAUSES

      # @return [Exception] what happened: an `Rdkafka::RdkafkaError` or an {EngineError}
      attr_reader :error
      # @return [String, nil] id of the subscription group; nil where it is the engine's as a whole
      attr_reader :group
      # @return [Symbol] `:authentication`, `:authorization`, `:incompatible_strategy`, `:fenced`, `:client` (another
      #   error of the Kafka client), `:engine` (a panic), `:thread` (a thread that is dead or stuck), `:start` (a
      #   restart that failed), `:critical` (a consumer raised what is to end the process; no policy is asked)
      attr_reader :cause
      # @return [Time]
      attr_reader :at

      # @param error [Exception]
      # @param group [String, nil]
      # @param cause [Symbol, nil] nil: what the error says
      # @api private
      def initialize(error, group: nil, cause: nil)
        @error = error
        @group = group
        @cause = cause || cause_of(error)
        @at = Time.now.utc
        freeze
      end

      # @return [String] what failed, where and why
      def message
        error.message
      end

      # @return [Hash{Symbol => Object}]
      def to_h
        { cause: cause, group: group, error: error.class.name, message: message, at: at.strftime("%FT%T.%LZ") }
      end

      # @return [String] one line
      def to_s
        "#{cause}: #{message.gsub(/\s*\n\s*/, "; ")}"
      end

      private

      def cause_of(error)
        error.is_a?(Rdkafka::RdkafkaError) ? CAUSES.fetch(error.code, :client) : :engine
      end
    end
  end
end
