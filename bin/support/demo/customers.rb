# frozen_string_literal: true

require "json"

module Demo
  # People who order, each over a connection of their own
  class Customers
    # An order was not taken
    class Refused < StandardError; end

    # @param shop [ShopProcess]
    # @param connections [Integer]
    def initialize(shop, connections: 4)
      @shop = shop
      @connections = connections
    end

    # @param count [Integer]
    # @return [Array<String>] ids of the orders that the shop has taken
    # @raise [Refused]
    def place(count)
      menu = JSON.parse(@shop.get("/menu").body).keys
      shares = Array.new(@connections) { |number| (count + number) / @connections }
      hands = shares.map do |share|
        Thread.new { order(share, menu) }.tap { |thread| thread.report_on_exception = false }
      end
      hands.flat_map(&:value)
    ensure
      # When one fails the others need not go on.
      hands&.each(&:kill)
    end

    private

    def order(count, menu)
      @shop.connect do |http|
        Array.new(count) do |number|
          answer = http.post("/orders", JSON.generate(item: menu[number % menu.size], quantity: 1 + (number % 3)),
                             "content-type" => "application/json")
          raise Refused, "#{answer.code}: #{answer.body}" unless answer.code == "201"

          JSON.parse(answer.body).fetch("id")
        end
      end
    end
  end
end
