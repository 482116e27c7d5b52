# frozen_string_literal: true

module WaterDrop
  module Clients
    # Labels of messages on their way, by the number that travels with the message instead
    #
    # @api private
    class Labels
      # Number of a message without a label
      NONE = 0

      def initialize
        @mutex = Mutex.new
        @labels = {}
        @last = NONE
      end

      # @param label [Object]
      # @return [Integer] its number
      def keep(label)
        @mutex.synchronize do
          @last += 1
          @labels[@last] = label
          @last
        end
      end

      # @param number [Integer]
      # @return [Object, nil] its label, which is forgotten
      def take(number)
        return if number == NONE

        @mutex.synchronize { @labels.delete(number) }
      end
    end
  end
end
