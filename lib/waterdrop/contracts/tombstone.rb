# frozen_string_literal: true

module WaterDrop
  module Contracts
    # What a tombstone has to have beside what every message has
    #
    # @api private
    class Tombstone < Karafka::Core::Contractable::Contract
      required(:key, text: "needs to be a filled String") { |value| value.is_a?(String) && !value.empty? }
      required(:partition, text: "needs to be an integer of 0 or more") { |value| value.is_a?(Integer) && value >= 0 }
    end
  end
end
