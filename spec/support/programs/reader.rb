# frozen_string_literal: true

# Consumes, and reads what it gets
class Reader < Karafka::BaseConsumer
  class << self
    attr_accessor :count
  end
  self.count = 0

  def consume
    messages.each(&:raw_payload)
    self.class.count += messages.size
  end
end
