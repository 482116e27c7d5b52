# frozen_string_literal: true

require_relative "error_codes"

# Names that applications rescue; the library behind them is this gem's own
module Rdkafka
  # What all errors have in common
  class BaseError < RuntimeError; end

  # What librdkafka or a broker answered
  class RdkafkaError < BaseError
    # @return [Integer] librdkafka's response code, negative for its own
    attr_reader :rdkafka_response
    # @return [String, nil] prefix of the message
    attr_reader :message_prefix
    # @return [String, nil] what the broker added
    attr_reader :broker_message
    # @return [String, nil] name of the client it happened to
    attr_reader :instance_name
    # @return [Hash] more about it
    attr_reader :details

    # @param response [Integer] response code
    # @param message_prefix [String, nil] what the message starts with
    # @param broker_message [String, nil] what the broker added
    # @param fatal [Boolean] can the client not go on
    # @param retryable [Boolean] may the operation be tried again
    # @param abortable [Boolean] does the transaction have to be aborted
    # @param instance_name [String, nil] name of the client it happened to
    # @param details [Hash] more about it
    # @raise [TypeError] when the response is not an Integer
    def initialize( # rubocop:disable Metrics/ParameterLists -- what librdkafka tells of an error
      response, message_prefix = nil, broker_message: nil, fatal: false, retryable: false, abortable: false,
      instance_name: nil, details: {}
    )
      raise TypeError, "Response has to be an integer" unless response.is_a?(Integer)

      @rdkafka_response = response
      @message_prefix = message_prefix
      @broker_message = broker_message
      @fatal = fatal
      @retryable = retryable
      @abortable = abortable
      @instance_name = instance_name
      @details = details
      super(to_s)
    end

    # @return [Symbol] name of the response code, such as `:max_poll_exceeded`
    def code
      ErrorCodes.name(rdkafka_response)
    end

    # @return [String] description and code, then what the broker added
    def to_s
      prefix = "#{message_prefix} - " if message_prefix
      suffix = "\n#{broker_message}" unless broker_message.nil? || broker_message.empty?
      "#{prefix}#{ErrorCodes.description(rdkafka_response)} (#{code})#{suffix}"
    end

    # @return [Boolean] is the end of a partition reached
    def is_partition_eof? # rubocop:disable Naming/PredicateName -- the name applications know
      code == :partition_eof
    end

    # @return [Boolean] can the client not go on
    def fatal?
      @fatal
    end

    # @return [Boolean] may the operation be tried again
    def retryable?
      @retryable
    end

    # @return [Boolean] does the transaction have to be aborted
    def abortable?
      @abortable
    end

    # @param other [Object]
    # @return [Boolean] is it the same error
    def ==(other)
      other.is_a?(self.class) && other.to_s == to_s
    end
  end

  # An operation of an admin, a producer or a consumer that is waited for
  class AbstractHandle
    # The wait was longer than its limit
    class WaitTimeoutError < RuntimeError; end
  end

  # Settings of a client
  class Config
    # A setting that librdkafka refuses
    class ConfigError < RuntimeError; end
    # Settings that do not go together
    class ClientCreationError < RuntimeError; end
  end

  # A client was used after it was closed
  class ClosedInnerError < BaseError
    # @param message [String, nil]
    def initialize(message = nil)
      super(message || "Illegal call on a closed client")
    end
  end

  # @see ClosedInnerError
  class ClosedConsumerError < BaseError
    # @param method [Symbol, nil] what was called
    def initialize(method = nil)
      super("Illegal call to #{method} on a closed consumer")
    end
  end

  # @see ClosedInnerError
  class ClosedProducerError < BaseError
    # @param method [Symbol, nil] what was called
    def initialize(method = nil)
      super("Illegal call to #{method} on a closed producer")
    end
  end

  # @see ClosedInnerError
  class ClosedAdminError < BaseError
    # @param method [Symbol, nil] what was called
    def initialize(method = nil)
      super("Illegal call to #{method} on a closed admin")
    end
  end
end
