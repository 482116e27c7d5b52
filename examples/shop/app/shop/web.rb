# frozen_string_literal: true

require "json"

module Shop
  # The page, and what it asks for
  class Web
    PUBLIC = File.expand_path("../../public", __dir__)
    PAGES = {
      "/" => ["index.html", "text/html; charset=utf-8"],
      "/shop.css" => ["shop.css", "text/css; charset=utf-8"],
      "/shop.js" => ["shop.js", "text/javascript; charset=utf-8"]
    }.freeze
    LONGEST_BODY = 4_096
    private_constant :PUBLIC, :PAGES, :LONGEST_BODY

    # @param env [Hash] Rack's environment
    # @return [Array(Integer, Hash, Array)] Rack's answer
    def call(env)
      case "#{env["REQUEST_METHOD"]} #{env["PATH_INFO"]}"
      when "POST /orders" then place(env["rack.input"])
      when "GET /status" then json(200, status)
      when "GET /menu" then json(200, Order::MENU)
      else page(env)
      end
    end

    private

    def place(input)
      wanted = JSON.parse(input.read(LONGEST_BODY).to_s, symbolize_names: true)
      raise Order::Invalid, "an order has an item and a quantity" unless wanted.is_a?(Hash)

      json(201, Order.place(item: wanted[:item], quantity: wanted.fetch(:quantity, 1)))
    rescue JSON::ParserError
      json(422, error: "an order is JSON")
    rescue Order::Invalid => e
      json(422, error: e.message)
    rescue WaterDrop::Errors::ProduceError => e
      json(503, error: "Kafka did not take the order: #{e.message}")
    end

    def status
      { at: Shop.now, kafka: kafka, processes: Shop.processes.all, orders: Shop.journal.summary }
    end

    def kafka
      {
        kind: ENV.key?("KAFKA_BOOTSTRAP_SERVERS") ? "Kafka" : "embedded broker",
        servers: Karafka::App.config.kafka[:"bootstrap.servers"], topic: TOPIC, group: GROUP
      }
    end

    def page(env)
      name, type = PAGES[env["PATH_INFO"]]
      return json(404, error: "nothing is here") unless name && env["REQUEST_METHOD"] == "GET"

      [200, { "content-type" => type, "cache-control" => "no-cache" }, [File.read(File.join(PUBLIC, name))]]
    end

    def json(code, value)
      [code, { "content-type" => "application/json", "cache-control" => "no-store" }, [JSON.generate(value)]]
    end
  end
end
