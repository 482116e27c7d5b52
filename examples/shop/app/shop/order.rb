# frozen_string_literal: true

require "json"
require "securerandom"

module Shop
  # An order on its way to Kafka
  class Order
    # What there is, and what it costs in cents
    MENU = {
      "Espresso" => 240, "Cortado" => 290, "Cappuccino" => 330, "Flat white" => 350, "Filter" => 310, "Cocoa" => 340
    }.freeze
    QUANTITIES = (1..20)

    # What an order has, as Kafka has it
    FIELDS = %w[id item quantity cents placed_at].freeze

    # Nothing that can be ordered
    class Invalid < StandardError; end

    # @param item [String] from the {MENU}
    # @param quantity [Integer]
    # @return [Hash{Symbol => Object}] the order, once Kafka has it
    # @raise [Invalid]
    # @raise [WaterDrop::Errors::ProduceError] when Kafka does not take it
    def self.place(item:, quantity:)
      price = MENU.fetch(item) { raise Invalid, "#{item.inspect} is not on the menu" }
      raise Invalid, "quantity needs to be a number from 1 to 20" unless QUANTITIES.include?(quantity)

      order = {
        id: SecureRandom.uuid, item: item, quantity: quantity, cents: price * quantity, placed_at: Shop.now
      }
      Karafka.producer.produce_sync(topic: TOPIC, key: order[:id], payload: JSON.generate(order))
      order
    end

    # @param message [Karafka::Messages::Message] of whoever writes to the topic
    # @return [Hash{String => Object}, nil] nil for what {.place} would not have sent
    def self.from(message)
      order = message.payload
      order.slice(*FIELDS) if order.is_a?(Hash) && order?(*order.values_at(*FIELDS))
    rescue JSON::ParserError
      nil
    end

    def self.order?(id, item, quantity, cents, placed_at)
      id.is_a?(String) && id.valid_encoding? && MENU.key?(item) && QUANTITIES.include?(quantity) &&
        [cents, placed_at].all? { |number| number.is_a?(Numeric) && number.finite? }
    end
    private_class_method :order?
  end
end
