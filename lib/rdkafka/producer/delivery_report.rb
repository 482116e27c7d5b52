# frozen_string_literal: true

module Rdkafka
  # Names of the producer's results, as applications know them
  class Producer
    # What became of a message
    class DeliveryReport
      # @return [Integer, nil] partition it is in
      attr_reader :partition
      # @return [Integer, nil] its offset there
      attr_reader :offset
      # @return [String] name of the topic
      attr_reader :topic_name
      # @return [RdkafkaError, nil] why it is not there
      attr_reader :error
      # @return [Object, nil] what the message was labelled with
      attr_reader :label

      alias topic topic_name

      # @param partition [Integer, nil]
      # @param offset [Integer, nil]
      # @param topic_name [String]
      # @param error [RdkafkaError, nil]
      # @param label [Object, nil]
      def initialize(partition, offset, topic_name, error: nil, label: nil)
        @partition = partition
        @offset = offset
        @topic_name = topic_name
        @error = error
        @label = label
      end
    end
  end
end
