# frozen_string_literal: true

module WaterDrop
  # What is checked before anything is sent
  module Contracts
    # What the settings of a producer have to look like
    #
    # @api private
    class Config < Karafka::Core::Contractable::Contract
      COUNT = "needs to be an integer over 0"
      private_constant :COUNT

      required(:id, text: "needs to be a filled String") { |value| value.is_a?(String) && !value.empty? }
      required(:logger, text: "needs to be a logger") { |value| value.respond_to?(:info) && value.respond_to?(:error) }
      required(:monitor, text: "needs to be a monitor") { |value| value.respond_to?(:instrument) }
      required(:deliver, text: "needs to be true or false") { |value| [true, false].include?(value) }
      %i[max_payload_size max_wait_timeout].each do |name|
        required(name, text: COUNT) { |value| value.is_a?(Integer) && value.positive? }
      end
      required(:wait_on_queue_full, text: "needs to be true or false") { |value| [true, false].include?(value) }
      %i[wait_backoff_on_queue_full wait_timeout_on_queue_full].each do |name|
        required(name, text: "needs to be a number of 0 or more") { |value| value.is_a?(Numeric) && value >= 0 }
      end
      required(:kafka, text: "needs to be a filled hash") { |value| value.is_a?(Hash) && !value.empty? }

      virtual do |data, errors|
        next unless errors.empty?

        wrong = data[:kafka].keys.grep_v(Symbol)
        wrong.map { |key| [[:kafka, key], "All keys under the kafka settings scope need to be symbols"] }
      end

      virtual do |data, errors|
        next unless errors.empty?

        text = Karafka::Setup::KafkaProperties.error_in(data[:kafka])
        text && [[%i[kafka], text]]
      end
    end
  end
end
