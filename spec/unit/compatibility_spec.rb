# frozen_string_literal: true

# docs/compatibility.md names specs: they exist, and nothing that was promised is left out.
RSpec.describe "docs/compatibility.md" do
  let(:root) { File.expand_path("../..", __dir__) }
  let(:document) { File.read(File.join(root, "docs/compatibility.md")) }
  # Texts of all groups and examples, as they stand in the files
  let(:texts) do
    files = Dir[File.join(root, "spec/**/*_spec.rb")]
    files.flat_map { |file| File.read(file).scan(/^\s*(?:RSpec\.)?(?:it|describe|context|shared_examples)[ (]"(.*?)"/) }
         .flatten
  end

  def specs_named
    # A name without a directory is a neighbour of the one before it
    document.scan(%r{(?:(?:unit|engine|kafka|hosts)/)?(?:[\w.-]+/)*\w+_spec\b|(?:unit|kafka)/[\w/]+}).uniq
  end

  it "names specs that exist" do
    present = Dir[File.join(root, "spec/**/*")].map { |path| path.delete_prefix("#{root}/spec/").delete_suffix(".rb") }
    missing = specs_named.reject { |name| present.include?(name) || present.any? { |path| path.end_with?("/#{name}") } }

    expect(missing).to be_empty
  end

  it "names examples that exist" do
    quoted = document.scan(/"([^"]+)"/).flatten
    missing = quoted.reject { |name| texts.any? { |text| text.include?(name.delete_suffix("…").strip) } }

    expect(quoted).not_to be_empty
    expect(missing).to be_empty
  end

  it "has an example for each rule" do
    # O17 is Active Job's
    rules = (1..7).map { |number| "R#{number}" } + ((1..25).to_a - [17]).map { |number| "O#{number}" }

    expect(rules.reject { |rule| texts.any? { |text| text.match?(/\A#{rule}\b/) } }).to be_empty
    expect(rules.reject { |rule| document.match?(/^\|[^|]*\b#{rule}\b/) }).to be_empty
  end

  it "has an example for each event that embedded mode emits" do
    silent = %w[app.before_warmup app.initializing app.supervising process.notice_signal filtering. swarm.
                consumer.idle consumer.tick consumer.before_schedule_tick consumer.before_schedule_idle
                consumer.consuming.transaction active_job.]
    emitted = Karafka::Instrumentation::Notifications::EVENTS.reject { |event| event.start_with?(*silent) }
    events = Dir[File.join(root, "spec/kafka/events/*_spec.rb")].map { |file| File.read(file) }.join

    expect(emitted.reject { |event| events.include?(event) || named_in_part?(events, event) }).to be_empty
  end

  # Examples name events of a kind together: "consumer.before_schedule_eofed, .eof, .eofed"
  def named_in_part?(events, event)
    kind, _, name = event.rpartition(".")
    stem, _, last = name.rpartition("_")
    events.match?(/#{Regexp.escape(kind)}\.[^"\n]*[ .,{]#{name}\b/) ||
      (stem != "" && events.match?(/#{Regexp.escape("#{kind}.#{stem}")}_[^"\n]*, #{last}\b/))
  end

  it "is right about the errors there are" do
    namespaces = {
      Karafka::Errors => %w[
        InvalidConfigurationError MissingBootFileError ForcefulShutdownError TopicNotFoundError
        ConsumerGroupNotFoundError UnsupportedCaseError UnsupportedOptionError InvalidTimeBasedOffsetError
        ResultNotVisibleError DependencyConstraintsError JobsQueueSynchronizationError InvalidCoordinatorStateError
        StrategyNotFoundError NonMatchingRouteError AssignmentLostError MessageClearedError TransactionRequiredError
        TransactionAlreadyInitializedError NonTransactionalMarkingAttemptError InvalidListenerResumeError
        InvalidListenerPauseError InvalidRealOffsetUsageError CommandValidationError UnrecognizedCommandError
        InvalidLicenseTokenError ExpiredLicenseTokenError
      ],
      WaterDrop::Errors => %w[
        ConfigurationInvalidError VariantInvalidError ProducerNotConfiguredError ProducerAlreadyConfiguredError
        ProducerUsedInParentProcess ProducerClosedError ProducerTransactionalCloseAttemptError MessageInvalidError
        TransactionalOffsetInvalidError ProducerNotTransactionalError StatusInvalidError ProduceError ProduceManyError
        TransactionRequiredError AbortTransaction EarlyTransactionExitNotAllowedError PollerError
        StatisticsNotEnabledError
      ],
      Rdkafka => %w[
        BaseError RdkafkaError AbstractHandle::WaitTimeoutError Config::ConfigError Config::ClientCreationError
        ClosedConsumerError ClosedProducerError ClosedAdminError ClosedInnerError
      ]
    }
    namespaces.each do |namespace, names|
      expect(names.map { |name| namespace.const_get(name) }).to all(be < StandardError)
    end
    expect(Karafka::Errors::InvalidConfigurationError).to be < Karafka::Errors::BaseError
    expect(WaterDrop::AbortTransaction).to be(WaterDrop::Errors::AbortTransaction)
  end
end
