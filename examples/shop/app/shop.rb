# frozen_string_literal: true

require "fileutils"
require_relative "shop/journal"
require_relative "shop/order"
require_relative "shop/processes"
require_relative "shop/web"
require_relative "orders_consumer"

# A coffee bar that takes orders over HTTP and fills them from Kafka, in one process or in several.
module Shop
  # Topic of the orders
  TOPIC = ENV.fetch("SHOP_TOPIC", "orders")
  # Consumer group that fills them
  GROUP = ENV.fetch("SHOP_GROUP", "shop")
  # Where the processes of the shop keep what they share
  DIRECTORY = ENV.fetch("SHOP_DIRECTORY", File.expand_path("../tmp", __dir__))

  class << self
    # @return [Journal] orders that were filled
    def journal
      @journal ||= Journal.new(File.join(DIRECTORY, "orders.jsonl"))
    end

    # @return [Processes] processes of the shop
    def processes
      @processes ||= Processes.new(File.join(DIRECTORY, "processes"))
    end

    # Begins with empty books
    def open
      FileUtils.rm_rf([journal.path, processes.directory])
      FileUtils.mkdir_p(processes.directory)
    end

    # @return [Float] milliseconds since the epoch
    def now
      Process.clock_gettime(Process::CLOCK_REALTIME, :float_millisecond)
    end
  end
end
