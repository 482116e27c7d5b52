# frozen_string_literal: true

# Fills orders: writes each into the journal
class OrdersConsumer < Karafka::BaseConsumer
  def consume
    Shop.journal.append(messages.filter_map { |message| filled(message) })
  end

  private

  def filled(message)
    order = Shop::Order.from(message)
    return left_out(message) unless order

    order.merge(
      "partition" => message.partition, "offset" => message.offset,
      "process_id" => Process.pid, "filled_at" => Shop.now
    )
  end

  # The topic may be somebody else's, too
  def left_out(message)
    Karafka.logger.warn("#{message.topic}/#{message.partition}: what is at #{message.offset} is no order of the shop")
    nil
  end
end
