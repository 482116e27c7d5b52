# frozen_string_literal: true

require "securerandom"
require "tmpdir"
require_relative "../../../bin/support/demo/audit"
require_relative "../../../bin/support/demo/clock"
require_relative "../../../bin/support/demo/customers"
require_relative "../../../bin/support/demo/real_kafka"
require_relative "../../../bin/support/demo/shop_process"

# The example shop in a real Puma, on the real broker that KAFKA_BOOTSTRAP_SERVERS names
module Shops
  PARTITIONS = 4
  FILL_S = 60
  private_constant :FILL_S

  # @return [String]
  def bootstrap_servers
    ENV.fetch("KAFKA_BOOTSTRAP_SERVERS") do
      raise "spec/hosts wants a broker: bin/test hosts, or KAFKA_BOOTSTRAP_SERVERS=…"
    end
  end

  # @return [String] name of a topic that nobody else uses, which is the name of its group too
  def new_topic
    "shop-#{SecureRandom.hex(4)}".tap do |topic|
      raise "no topic could be made on #{bootstrap_servers}" unless
        Demo::RealKafka.create_topic(bootstrap_servers, topic, PARTITIONS)
    end
  end

  # @param workers [Integer] 0 for Puma's single mode
  # @yieldparam shop [Demo::ShopProcess] consuming; put down when the block ends, however it does
  def open_shop(workers:, topic: new_topic)
    Dir.mktmpdir("shop") do |directory|
      shop = Demo::ShopProcess.new(
        directory, workers: workers, environment: { "SHOP_TOPIC" => topic, "SHOP_GROUP" => topic }
      )
      begin
        yield shop.start(partitions: PARTITIONS)
      ensure
        shop.put_down
      end
    end
  end

  # @return [Array<String>] ids of the orders that the shop took
  def place(shop, count)
    Demo::Customers.new(shop).place(count)
  end

  # @return [Demo::Audit] once all of them were filled
  def filled(shop, ids)
    eventually_within("#{ids.size} orders filled", FILL_S) { Demo::Audit.new(ids, shop.journal_path).missing.empty? }
    Demo::Audit.new(ids, shop.journal_path)
  end

  # @return [Object] what the block returned, once that was truthy
  def eventually_within(what, seconds, &block)
    Demo::Clock.await(what, within: seconds, &block)
  end
end

RSpec.configure { |config| config.include Shops, file_path: %r{/spec/hosts/} }
