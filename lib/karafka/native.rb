# frozen_string_literal: true

module Karafka
  # The Rust side. This is the one Ruby file that loads it; everything in here is for the gem's own use.
  #
  # @api private
  module Native
    # What the extension raises
    module Failure
      # @return [Integer] librdkafka's code, 0 where it has none
      attr_accessor :code
    end

    # The engine did not accept its configuration; the message names the group and the setting
    class ConfigurationError < Errors::InvalidConfigurationError
      include Failure
    end

    # librdkafka could not make a client of accepted settings
    class ClientCreationError < Rdkafka::Config::ClientCreationError
      include Failure
    end

    # A librdkafka call failed
    class KafkaError < Rdkafka::RdkafkaError
      # @param text [String] what failed, where and why
      def initialize(text)
        @text = text
        super(-1)
      end

      # @param response [Integer] librdkafka's code
      def code=(response)
        @rdkafka_response = response
      end

      # @return [String]
      def to_s
        @text
      end
    end

    # A call reached its deadline
    class TimeoutError < Rdkafka::AbstractHandle::WaitTimeoutError
      include Failure
    end

    # A handle was used in a fork of the process it was made in
    class ForeignProcessError < Errors::BaseError
      include Failure
    end

    # A lifecycle call in the wrong state
    class LifecycleError < Errors::BaseError
      include Failure
    end

    # The operating system refused a thread
    class ThreadError < Errors::BaseError
      include Failure
    end

    # The extension panicked: a bug of the gem. The process is fine, the engine is not to be trusted.
    class PanicError < Errors::BaseError
      include Failure
    end
  end
end

require "karafka_embedded/karafka_embedded"

module Karafka
  module Native
    class Partition
      include Processing::Coordinator
    end

    class Batch
      # @return [Messages::Origin] what its messages share
      attr_accessor :origin
    end
  end
end
