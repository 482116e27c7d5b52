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
  TOPIC = ENV.fetch("SHOP_TOPIC", "shop-orders")
  # Consumer group that fills them
  GROUP = ENV.fetch("SHOP_GROUP", "shop")
  # Where shops of this checkout have a directory each, named by their first process
  DIRECTORIES = File.expand_path("../tmp", __dir__)
  # Where the processes of the shop keep what they share. The first one loads this before it forks the others.
  DIRECTORY = ENV.fetch("SHOP_DIRECTORY", File.join(DIRECTORIES, Process.pid.to_s))

  class << self
    # @return [Journal] orders that were filled
    def journal
      @journal ||= Journal.new(File.join(DIRECTORY, "orders.jsonl"))
    end

    # @return [Processes] processes of the shop
    def processes
      @processes ||= Processes.new(File.join(DIRECTORY, "processes"))
    end

    # Begins with empty books. Those of other shops stay while these are open.
    def open
      FileUtils.rm_rf(Dir[File.join(DIRECTORIES, "[0-9]*")].reject { |directory| runs?(File.basename(directory).to_i) })
      FileUtils.rm_rf([journal.path, processes.directory])
      FileUtils.mkdir_p(processes.directory)
    end

    # @return [Float] milliseconds since the epoch
    def now
      Process.clock_gettime(Process::CLOCK_REALTIME, :float_millisecond)
    end

    private

    def runs?(process_id)
      Process.kill(0, process_id)
    rescue Errno::ESRCH
      false
    rescue Errno::EPERM
      true # It is another user's.
    end
  end
end
