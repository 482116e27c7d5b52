# frozen_string_literal: true

module WaterDrop
  module Contracts
    # What a message has to look like
    #
    # @api private
    class Message < Karafka::Core::Contractable::Contract
      TOPIC = /\A(\w|-|\.)+\z/
      private_constant :TOPIC

      required(:topic, text: "needs to be a String of letters, digits, '-', '_' and '.'") do |value|
        (value.is_a?(String) || value.is_a?(Symbol)) && value.match?(TOPIC)
      end
      required(:payload, text: "needs to be a String or nil") { |value| value.nil? || value.is_a?(String) }
      %i[key partition_key].each do |name|
        optional(name, text: "needs to be a filled String or nil") do |value|
          value.nil? || (value.is_a?(String) && !value.empty?)
        end
      end
      optional(:partition, text: "needs to be an integer of -1 or more") do |value|
        value.is_a?(Integer) && value >= -1
      end
      optional(:timestamp, text: "needs to be a Time or an integer of milliseconds") do |value|
        value.nil? || value.is_a?(Time) || value.is_a?(Integer)
      end
      optional(:headers, text: "needs to be a Hash of Strings to Strings or Arrays of Strings") do |value|
        value.nil? || (value.is_a?(Hash) && value.all? { |name, given| header?(name, given) })
      end

      # @param max_payload_size [Integer] bytes
      def initialize(max_payload_size:)
        super()
        @max_payload_size = max_payload_size
      end

      virtual do |data, errors|
        next unless errors.empty? && data[:payload]
        next if data[:payload].bytesize <= @max_payload_size

        [[%i[payload], "is more than `max_payload_size` config value"]]
      end

      private

      def header?(name, given)
        return false unless name.is_a?(String)

        given.is_a?(Array) ? given.all?(String) : given.is_a?(String)
      end
    end
  end
end
