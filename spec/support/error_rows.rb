# frozen_string_literal: true

# Provokes rows of docs/errors.md under each policy, and expects what the row says
module ErrorRows
  POLICIES = %i[restart stop_host report callable].freeze

  # For the example groups
  module Rows
    # Which types of `error.occurred` were provoked of each row
    def provoked
      @provoked ||= Hash.new { |hash, row| hash[row] = [] }
    end

    # The block provides `provoke`, which gets what runs well into trouble, or `bring_trouble`, and `mend`.
    # @param error [String] how the row begins
    # @param types [Array<String>, String] of `error.occurred`
    # @param message [Regexp]
    # @param way [String, nil] which of the row's errors
    # @param under [Array<Symbol>] policies under which it can come to this
    def row(error, types, message, way: nil, under: POLICIES, &provocation)
      row = ErrorTable.fetch(error)
      types = Array(types)
      raise ArgumentError, "the row '#{error}' has none of #{types}" unless (types - row.types).empty?

      provoked[row].concat(types)
      describe [error, way].compact.join(": ") do
        class_exec(&provocation)
        under.each do |policy|
          it "is told, and ends as its row says under #{policy}" do
            configure(policy)
            bring_trouble
            expect_told(row, types, message)
            send(:"expect_#{row.severity}", policy, row)
            expect(host).to have_received(:stop).exactly(policy == :stop_host && row.cause ? 1 : 0).times
          end
        end
      end
    end
  end

  def self.included(group)
    group.extend(Rows)
    group.class_exec do
      let(:embedded) { Karafka::Embedded }
      let(:topic) { "orders" }
      let(:partitions) { 1 }
      let(:host) { Karafka::Embedded::Host.new(:double) }
      let(:rails_errors) { [] }
      let(:crashes) { Queue.new }
      let(:release) { Queue.new }

      # What a provocation changes
      let(:kafka_settings) { {} }
      let(:settings) { {} }
      let(:consumer) { consumer_class { nil } }
      let(:further_topics) { [] }

      before { watch }

      after do
        embedded.host = nil
        release.close
        embedded.stop(timeout: 3_000)
      end
    end
  end

  def watch
    list = rails_errors
    reporter = Object.new
    reporter.define_singleton_method(:report) { |error, **| list << error }
    stub_const("Rails", Struct.new(:error).new(reporter))
    allow(host).to receive(:stop)
    embedded.host = host
  end

  # @param policy [Symbol]
  # @yieldparam config [Karafka::Setup::ConfigProxy]
  def configure(policy)
    list = crashes
    quick = { "reconnect.backoff.max.ms": 200, "statistics.interval.ms": 500 }
    setup_embedded(servers, kafka: { **quick, **kafka_settings }) do |config|
      settings.each { |name, value| config.public_send(:"#{name}=", value) }
      config.embedded.crash_policy = policy == :callable ? ->(crash) { list << crash } : policy
      config.embedded.crash_backoff = 2_000
      config.embedded.crash_patience = 100
      config.embedded.stall_timeout = 2_000
    end
    Karafka::Embedded::RailsListener.instance.watch(Karafka.monitor)
    [topic, *further_topics].each { |name| route(name, consumer) }
  end

  # What runs well gets into trouble. Provocations that have it in trouble from the start have their own.
  def bring_trouble
    start_with({ topic => partitions })
    expect(probes).to eq([200, 200])
    provoke
  end

  def probes
    %w[/status /status/live].map do |path|
      Karafka::Embedded::Health.call({ "REQUEST_METHOD" => "GET", "PATH_INFO" => path }).first
    end
  end

  # ---- what every row promises -------------------------------------------------------------------------------------

  def expect_told(row, types, message)
    eventually("#{row.status}, #{row.live} of health", within: 30) do
      probes == [row.status, row.live] && told?(types, message) && shown?(row)
    end
    expect(embedded.health[:reasons].join).to match(message) unless row.status == 200
    # Each of them hears of it after the one before
    eventually("the error in Rails", within: 30) { rails_errors.any? { |error| error.message.match?(message) } }
    eventually("the error in the log", within: 30) { log.string.match?(/(ERROR|FATAL).*#{message.source}/im) }
  end

  def told?(types, message)
    (types - errors.select { |one| one.error.message.match?(message) }.map(&:type)).empty?
  end

  # What came again and again healed meanwhile: the last time is what counts
  def shown?(row)
    causes = embedded.health[:crashes].map { |crash| crash[:cause] }
    row.cause ? causes.include?(row.cause) : causes.empty?
  end

  def line(words)
    eventually("line with #{words}", within: 30) { log.string.match?(words) }
  end

  def expect_callable_called(row)
    eventually("call") { !crashes.empty? }
    expect(Array.new(crashes.size) { crashes.pop }).to all(have_attributes(cause: row.cause))
  end

  # What passes is no policy's affair
  def expect_passing(_policy, _row)
    mend
    eventually("health", within: 40) { probes == [200, 200] }
    expect(crashes).to be_empty
    expect(log.string).not_to include("is asked to stop")
    expect(embedded.health).to include(state: :running, restarts: 0, crashes: [])
  end

  def expect_heals(policy, row)
    case policy
    when :restart then line(/#{row.cause}: .*; it is tried again until it heals/)
    when :stop_host then line(/#{row.cause}: .*the host \(double\) is asked to stop/)
    when :report then line(/#{row.cause}: .*nothing is done: the policy is to report/)
    when :callable then expect_callable_called(row)
    end
    mend
    eventually("health", within: 40) { probes == [200, 200] }
    expect(log.string).to include("healed: #{row.cause}")
    expect(embedded.health).to include(state: :running, restarts: 0, crashes: [])
  end

  def expect_crash(policy, row)
    case policy
    when :restart then line(/#{row.cause}: .*to be started again in \d+ ms/)
    when :stop_host then line(/#{row.cause}: .*the host \(double\) is asked to stop/)
    when :report then line(/#{row.cause}: .*it stays down: the policy is to report/)
    when :callable then expect_callable_called(row)
    end
    mend
    expect_restarted(policy)
    expect(probes).to eq([200, 200])
  end

  def expect_restarted(policy)
    if policy == :restart
      eventually("restart", within: 30) { embedded.health[:restarts].positive? && probes == [200, 200] }
    else
      expect(embedded.state).to eq(:crashed)
      start_with({ topic => partitions }) # By somebody
    end
  end
end
