# frozen_string_literal: true

require "delegate"

module Karafka
  module Setup
    # What the `setup` block gets: the settings, with the forms of `config.producer` on top.
    #
    # @api private
    class ConfigProxy < SimpleDelegator
      # @return [Proc, nil] block to configure the producer with once it exists
      attr_reader :producer_initialization_block

      # Reads the producer, assigns one, or keeps a block for the default one.
      #
      # The block can not run at once: the producer is built from the kafka settings as they are at the end of `setup`.
      # @param instance [WaterDrop::Producer, nil] producer to use
      # @yieldparam producer_config [Object] settings of the producer
      # @return [WaterDrop::Producer, nil]
      def producer(instance = nil, &block)
        @producer_initialization_block = block if block
        __getobj__.producer = instance if instance
        __getobj__.producer
      end
    end
  end
end
