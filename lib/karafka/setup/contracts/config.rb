# frozen_string_literal: true

module Karafka
  module Setup
    module Contracts
      # What the settings have to look like at the end of `setup`
      #
      # @api private
      class Config < Core::Contractable::Contract
        INTEGER_OVER_ZERO = "needs to be an integer over 0"
        BOOLEAN = "needs to be true or false"
        KAFKA_KEY = "All keys under the kafka settings scope need to be symbols"
        MANAGED = "is managed by the framework and can not be set"
        MANAGED_KEYS = %i[statistics.unassigned.include].freeze
        private_constant :INTEGER_OVER_ZERO, :BOOLEAN, :KAFKA_KEY, :MANAGED, :MANAGED_KEYS

        required(:client_id, text: "needs to be a String of letters, digits, '-', '_' and '.'") do |value|
          value.is_a?(String) && value.match?(/\A[A-Za-z0-9\-_.]+\z/)
        end
        required(:group_id, text: "needs to be a String of letters, digits, '-', '_' and '.'") do |value|
          value.is_a?(String) && value.match?(Routing::NAME_FORMAT)
        end
        required(:consumer_persistence, text: BOOLEAN) { |value| [true, false].include?(value) }
        required(:strict_topics_namespacing, text: BOOLEAN) { |value| [true, false].include?(value) }
        required(:strict_declarative_topics, text: BOOLEAN) { |value| [true, false].include?(value) }
        %i[concurrency max_messages max_wait_time shutdown_timeout].each do |name|
          required(name, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }
        end
        required(:initial_offset, text: "needs to be \"earliest\" or \"latest\"") do |value|
          %w[earliest latest].include?(value)
        end
        required(:worker_thread_priority, text: "needs to be an integer between -3 and 3") do |value|
          value.is_a?(Integer) && value.between?(-3, 3)
        end
        required(:kafka, text: "needs to be a filled hash") { |value| value.is_a?(Hash) && !value.empty? }

        required(:pause, :timeout, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }
        required(:pause, :max_timeout, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }
        required(:pause, :with_exponential_backoff, text: BOOLEAN) { |value| [true, false].include?(value) }

        required(:oauth, :token_provider_listener, text: "needs to respond to on_oauthbearer_token_refresh") do |value|
          value == false || value.respond_to?(:on_oauthbearer_token_refresh)
        end

        required(:admin, :kafka, text: "needs to be a hash") { |value| value.is_a?(Hash) }
        required(:admin, :group_id, text: "needs to be a String of letters, digits, '-', '_' and '.'") do |value|
          value.is_a?(String) && value.match?(Routing::NAME_FORMAT)
        end
        required(:admin, :max_wait_time, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }
        required(:admin, :max_retries_duration, text: "needs to be an integer of 1000 or more") do |value|
          integer_over?(value, 999)
        end
        required(:admin, :retry_backoff, text: "needs to be an integer of 100 or more") do |value|
          integer_over?(value, 99)
        end
        required(:admin, :poll_timeout, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }

        required(:embedded, :shutdown_margin, text: "needs to be an integer of 0 or more") do |value|
          integer_over?(value, -1)
        end
        required(:embedded, :crash_policy, text: "needs to be :restart, :stop_host, :report or callable") do |value|
          EmbeddedSettings::CRASH_POLICIES.include?(value) || value.respond_to?(:call)
        end
        %i[crash_patience crash_backoff crash_backoff_limit stall_timeout].each do |name|
          required(:embedded, name, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }
        end
        required(:embedded, :crash_restarts, text: "needs to be an integer of 0 or more") do |value|
          integer_over?(value, -1)
        end
        required(:embedded, :host_share, text: "needs to be a percentage between 1 and 100") do |value|
          value.is_a?(Numeric) && value.between?(1, 100)
        end
        required(:embedded, :prefetch_memory, text: "needs to be an integer of 1048576 (1 MiB) or more") do |value|
          integer_over?(value, 1_048_575)
        end
        required(:embedded, :auto_commit_interval, text: INTEGER_OVER_ZERO) { |value| integer_over?(value, 0) }
        required(:embedded, :state_path, text: "needs to be a path or nil") do |value|
          value.nil? || (value.respond_to?(:to_path) || value.is_a?(String))
        end

        required(:embedded, :start_before_fork, text: "needs to be :refuse or :allow") do |value|
          %i[refuse allow].include?(value)
        end
        required(:embedded, :health_address, text: "needs to be HOST:PORT, a port or nil") do |value|
          value.nil? || value.to_s.match?(/\A(?:.+:)?\d{1,5}\z/)
        end

        virtual { |data, _| kafka_key_errors(data[:kafka], %w[kafka]) }
        virtual { |data, _| kafka_key_errors(data.dig(:admin, :kafka), %w[admin kafka]) }

        virtual do |data, errors|
          next unless errors.empty?
          next if data[:pause][:timeout] <= data[:pause][:max_timeout]

          [[%i[pause timeout], "pause.timeout must be less or equal to pause.max_timeout"]]
        end

        virtual do |data, errors|
          next unless errors.empty?
          next if data[:max_wait_time] < data[:shutdown_timeout]

          [[%i[shutdown_timeout], "must be more than max_wait_time"]]
        end

        private

        def integer_over?(value, bound)
          value.is_a?(Integer) && value > bound
        end

        def kafka_key_errors(settings, path)
          return unless settings.is_a?(Hash)

          settings.each_key.filter_map do |key|
            if !key.is_a?(Symbol)
              [[*path, key], KAFKA_KEY]
            elsif MANAGED_KEYS.include?(key)
              [[*path, key], MANAGED]
            end
          end
        end
      end
    end
  end
end
