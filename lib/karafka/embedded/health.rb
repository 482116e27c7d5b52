# frozen_string_literal: true

require "json"

module Karafka
  module Embedded
    # {Embedded.health} over HTTP: an application for Rack 2 and 3 on its own, and a middleware in front of another.
    #
    # | path | 200 while |
    # |---|---|
    # | `/status` | it is healthy: it runs, is connected, and nothing is wrong that does not pass by itself |
    # | `/status/started` | the engine runs, or is quiet |
    # | `/status/connected` | every subscription group has an answering broker |
    # | `/status/live` | a new process would be no better: no crash, no thread that is stuck, no `exit` in a consumer |
    #
    # Anything else is 503. The body is JSON, without what the settings say is secret.
    # @example a route in Rails
    #   mount Karafka::Embedded::Health => "/karafka" # GET /karafka/status
    # @example config.ru
    #   use Karafka::Embedded::Health, path: "/karafka"
    class Health
      CHECKS = {
        "/status" => :healthy?, "/status/started" => :started?, "/status/connected" => :connected?,
        "/status/live" => :live?
      }.freeze
      # What GET /status/… tells; GET /status tells all
      SUMMARY = %i[state process_id reasons restarts].freeze
      METHODS = %w[GET HEAD].freeze
      private_constant :CHECKS, :SUMMARY, :METHODS

      class << self
        # @param env [Hash] Rack's environment
        # @return [Array(Integer, Hash, Array<String>)] Rack's answer
        def call(env)
          new.call(env)
        end
      end

      # @param app [#call, nil] who answers what is not ours; nil: 404
      # @param path [String] what our paths begin with
      def initialize(app = nil, path: "")
        @app = app
        @checks = CHECKS.transform_keys { |check| "#{path.chomp("/")}#{check}" }
      end

      # @param env [Hash] Rack's environment
      # @return [Array(Integer, Hash, Array<String>)] Rack's answer
      def call(env)
        check = @checks[env["PATH_INFO"].to_s.chomp("/")]
        return @app ? @app.call(env) : answer(env, 404, error: "nothing is here") unless check
        return answer(env, 405, { error: "only GET and HEAD" }, "allow" => METHODS.join(", ")) unless
          METHODS.include?(env["REQUEST_METHOD"])

        health = Embedded.health
        answer(env, __send__(check, health) ? 200 : 503, Masked.new.call(told(check, health)))
      end

      private

      def healthy?(health)
        health[:healthy]
      end

      def started?(health)
        %i[running quieting quiet].include?(health[:state])
      end

      def connected?(health)
        health[:groups].any? && health[:groups].all? { |group| group[:connected] }
      end

      def live?(health)
        health[:state] != :crashed && health[:stalls].none? { |stall| stall[:severity] == :critical } &&
          health[:crashes].none? { |crash| crash[:cause] == :critical }
      end

      def told(check, health)
        check == :healthy? ? health : health.slice(*SUMMARY)
      end

      def answer(env, code, body, headers = {})
        text = JSON.generate({ status: code == 200 ? "ok" : "unavailable", **body })
        headers = {
          "content-type" => "application/json", "content-length" => text.bytesize.to_s, "cache-control" => "no-store",
          **headers
        }
        [code, headers, env["REQUEST_METHOD"] == "HEAD" ? [] : [text]]
      end

      # Values of secret settings must not be shown, whatever message they got into
      class Masked
        SHORTEST = 4
        private_constant :SHORTEST

        def initialize
          settings = [App.config.kafka, *App.consumer_groups.flat_map(&:subscription_groups).map(&:kafka)]
          @secrets = settings.flat_map(&:to_a).uniq.filter_map do |name, value|
            value.to_s if Setup::Secrets.secret?(name) && value.to_s.size >= SHORTEST
          end
        end

        # @param value [Object] what JSON can say
        # @return [Object] the same without secrets
        def call(value)
          case value
          when Hash then value.transform_values { |one| call(one) }
          when Array then value.map { |one| call(one) }
          when String then @secrets.reduce(value) { |text, secret| text.gsub(secret, Setup::Secrets::MASK) }
          else value
          end
        end
      end
      private_constant :Masked
    end
  end
end
