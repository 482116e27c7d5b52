# frozen_string_literal: true

module WaterDrop
  module Clients
    # Sends nothing and keeps it, for specs
    class Buffered < Dummy
      # @return [Array<Hash>] what was produced
      attr_reader :messages

      # @param producer [Producer]
      def initialize(producer)
        super
        @messages = []
      end

      # @param message [Hash]
      # @return [::Rdkafka::Producer::DeliveryHandle]
      def produce(message)
        messages << message
        super
      end

      # @param topic [String, Symbol]
      # @return [Array<Hash>] what was produced to that topic
      def messages_for(topic)
        messages.select { |message| message[:topic].to_s == topic.to_s }
      end

      # Forgets what was produced
      def reset
        messages.clear
      end
    end
  end
end
