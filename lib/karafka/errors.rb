# frozen_string_literal: true

module Karafka
  # Everything the framework raises on its own account
  module Errors
    # What all of them have in common
    BaseError = Class.new(StandardError)

    # Settings or routes do not fit their contract. The message is the errors hash, path to text.
    InvalidConfigurationError = Class.new(BaseError)

    # The boot file (`karafka.rb`) is not where it should be
    class MissingBootFileError < BaseError
      # @param boot_file_path [String, Pathname] where it was looked for
      def initialize(boot_file_path)
        super("There is no boot file at #{boot_file_path}. Create it (in Rails: rails generate " \
              "karafka_embedded:install), point KARAFKA_BOOT_FILE at it, or set KARAFKA_BOOT_FILE to \"false\".")
      end
    end

    # Work was still running when the shutdown deadline passed
    ForcefulShutdownError = Class.new(BaseError)

    # No routed topic has that name
    TopicNotFoundError = Class.new(BaseError)
    # No routed consumer group has that name
    ConsumerGroupNotFoundError = Class.new(BaseError)
    # No route matches
    NonMatchingRouteError = Class.new(BaseError)

    # A value of a closed set that is not in the set
    UnsupportedCaseError = Class.new(BaseError)
    # An option that can not be used here
    UnsupportedOptionError = Class.new(BaseError)
    # Another gem, or a version of one, that this one can not live with
    DependencyConstraintsError = Class.new(BaseError)

    # No offset could be found for a time
    InvalidTimeBasedOffsetError = Class.new(BaseError)
    # An offset that is not a real one where a real one is needed
    InvalidRealOffsetUsageError = Class.new(BaseError)
    # A change was accepted by the cluster but did not become visible in time
    ResultNotVisibleError = Class.new(BaseError)

    # The jobs queue was used out of order
    JobsQueueSynchronizationError = Class.new(BaseError)
    # A coordinator is in a state it can not be in
    InvalidCoordinatorStateError = Class.new(BaseError)
    # No processing strategy fits the features of a topic
    StrategyNotFoundError = Class.new(BaseError)
    # A partition can not be resumed by its listener
    InvalidListenerResumeError = Class.new(BaseError)
    # A partition can not be paused by its listener
    InvalidListenerPauseError = Class.new(BaseError)
    # The partition is no longer ours
    AssignmentLostError = Class.new(BaseError)

    # The payload was cleared and can not be read any more
    MessageClearedError = Class.new(BaseError)
    # Work that needs a transaction was done outside of one
    TransactionRequiredError = Class.new(BaseError)
    # A transaction is already open
    TransactionAlreadyInitializedError = Class.new(BaseError)
    # A mark outside of the transaction in a transactional consumer
    NonTransactionalMarkingAttemptError = Class.new(BaseError)

    # A command line that does not make sense
    CommandValidationError = Class.new(BaseError)
    # A command that does not exist
    UnrecognizedCommandError = Class.new(BaseError)

    # Kept so that code which rescues them loads
    InvalidLicenseTokenError = Class.new(BaseError)
    # Kept so that code which rescues them loads
    ExpiredLicenseTokenError = Class.new(BaseError)
  end
end
