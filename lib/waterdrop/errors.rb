# frozen_string_literal: true

module WaterDrop
  # Everything the producer raises on its own account
  module Errors
    # What all of them have in common
    BaseError = Class.new(StandardError)

    # Settings do not fit their contract. The message is the errors hash, path to text.
    ConfigurationInvalidError = Class.new(BaseError)
    # Settings of a variant do not fit their contract
    VariantInvalidError = Class.new(BaseError)

    # The producer was used before `setup`
    ProducerNotConfiguredError = Class.new(BaseError)
    # `setup` was called twice
    ProducerAlreadyConfiguredError = Class.new(BaseError)
    # A producer that was used before a fork was used in the child
    ProducerUsedInParentProcess = Class.new(BaseError)
    # The producer was used after it was closed
    ProducerClosedError = Class.new(BaseError)
    # The producer was closed inside of its transaction
    ProducerTransactionalCloseAttemptError = Class.new(BaseError)
    # A transaction on a producer without `transactional.id`
    ProducerNotTransactionalError = Class.new(BaseError)

    # A message that can not be sent as it is
    MessageInvalidError = Class.new(BaseError)
    # An offset that can not be part of a transaction
    TransactionalOffsetInvalidError = Class.new(BaseError)
    # A state the producer can not be in
    StatusInvalidError = Class.new(BaseError)

    # A message was not sent; the reason is in `cause`
    ProduceError = Class.new(BaseError)

    # Messages of a list were not sent; the reason is in `cause`
    class ProduceManyError < ProduceError
      # @return [Array<Rdkafka::Producer::DeliveryHandle>] of those that were handed over before
      attr_reader :dispatched

      # @param dispatched [Array]
      # @param message [String, nil]
      def initialize(dispatched, message = nil)
        super(message)
        @dispatched = dispatched
      end
    end

    # Something that only makes sense in a transaction
    TransactionRequiredError = Class.new(BaseError)
    # Ends a transaction without its messages, silently
    AbortTransaction = Class.new(BaseError)
    # A transaction was left with `return`, `break` or `throw`
    EarlyTransactionExitNotAllowedError = Class.new(BaseError)
    # The poller can not go on
    PollerError = Class.new(BaseError)
    # Statistics were subscribed to after the client had been made without them
    StatisticsNotEnabledError = Class.new(BaseError)
  end

  # @see Errors::AbortTransaction
  AbortTransaction = Errors::AbortTransaction
end
