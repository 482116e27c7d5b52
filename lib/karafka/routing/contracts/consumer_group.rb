# frozen_string_literal: true

module Karafka
  module Routing
    # What is checked when routes are drawn
    module Contracts
      # What a consumer group has to look like
      #
      # @api private
      class ConsumerGroup < Core::Contractable::Contract
        required(:id, text: "needs to be a String of letters, digits, '-', '_' and '.'") do |value|
          value.is_a?(String) && value.match?(NAME_FORMAT)
        end
        required(:topics, text: "needs to have at least one topic") { |value| value.is_a?(Array) && !value.empty? }

        virtual do |data, errors|
          next unless errors.empty?

          names = data[:topics].map { |topic| topic[:name] }
          next if names.uniq.size == names.size

          [[%i[topics], "all topic names within a single consumer group must be unique"]]
        end

        virtual do |data, errors|
          next unless errors.empty? && App.config.strict_topics_namespacing

          names = data[:topics].map { |topic| topic[:name].to_s }.uniq
          # The broker's metrics turn dots into underscores, where two such names become one
          next if names.map { |name| name.tr(".", "_") }.uniq.size == names.size

          [[%i[topics], "topic names that differ only in '.' and '_' collide on the cluster"]]
        end

        # @param group [Routing::ConsumerGroup]
        # @raise [Errors::InvalidConfigurationError]
        def validate_group!(group)
          validate!(group.to_h, Errors::InvalidConfigurationError, scope: ["routes", group.id])
        end
      end
    end
  end
end
