# frozen_string_literal: true

# Fills orders: writes each into the journal
class OrdersConsumer < Karafka::BaseConsumer
  def consume
    Shop.journal.append(messages.map { |message| filled(message) })
  end

  private

  def filled(message)
    message.payload.merge(
      "partition" => message.partition, "offset" => message.offset,
      "process_id" => Process.pid, "filled_at" => Shop.now
    )
  end
end
