# frozen_string_literal: true

require "logger"
require "securerandom"
require "stringio"

# An application on a broker, started in the process of the example and stopped after it
module EmbeddedApp
  # What `error.occurred` told
  Reported = Struct.new(:type, :error, keyword_init: true)

  # @param bootstrap [String]
  # @param kafka [Hash] settings for librdkafka
  # @yieldparam config [Karafka::Setup::ConfigProxy]
  def setup_embedded(bootstrap, kafka: {})
    Karafka::App.setup do |config|
      config.client_id = "spec"
      config.group_id = unique("group")
      config.logger = Logger.new(log)
      config.pause.timeout = 10
      config.pause.max_timeout = 50
      config.kafka = { "bootstrap.servers": bootstrap, **kafka }
      yield(config) if block_given?
    end
    reported = errors
    Karafka.monitor.subscribe("error.occurred") do |event|
      reported << Reported.new(type: event[:type], error: event[:error])
    end
  end

  # @return [Array<Reported>]
  def errors
    @errors ||= []
  end

  # @return [StringIO] what was logged
  def log
    @log ||= StringIO.new
  end

  # A consumer whose `consume` is the block, run in the consumer
  # @param hooks [Hash{Symbol => Proc}] other methods of it (`revoked:`, `shutdown:`, `wrap:`, …)
  # @return [Class]
  def consumer_class(hooks = {}, &consume)
    Class.new(Karafka::BaseConsumer) do
      { consume: consume, **hooks }.each { |name, body| define_method(name, &body) if body }
    end
  end

  # @param topic [String]
  # @param consumer [Class]
  # @yield further options of the topic
  def route(topic, consumer, &options)
    Karafka::App.routes.draw do
      topic(topic) do
        consumer consumer
        instance_eval(&options) if options
      end
    end
  end

  # Starts and waits until every partition of these topics is assigned
  # @param topics [Hash{String => Integer}] partitions of each
  def start_with(topics, within: 30)
    Karafka::Embedded.start
    eventually("assignment of #{topics}", within: within) { assigned == topics }
  end

  # @return [Hash{String => Integer}] assigned partitions of each topic
  def assigned
    groups = Karafka::Embedded.health[:groups] || []
    groups.flat_map { |group| group[:assigned] }.map { |partition| partition[:topic] }.tally
  end

  # Waits until the engine's watchdog, which does so once a second, has looked a few times more
  # @param count [Integer]
  def await_looks(count)
    engine = Karafka::Embedded.runtime.engine
    former = engine.looks
    eventually("looks", within: 60) { engine.looks >= former + count }
  end

  # @param payloads [Enumerable<String, nil>]
  # @see Feed#send
  def feed(topic, payloads, **options)
    servers = Karafka::App.config.kafka.fetch(:"bootstrap.servers")
    Feed.open(servers) { |feed| feed.send(topic, payloads, **options) }
  end

  # @return [String] a name that no other example has
  def unique(prefix)
    "#{prefix}-#{SecureRandom.hex(4)}"
  end

  # Ends what an example left behind
  def self.clean_up
    Karafka::Embedded.stop(timeout: 5_000)
  ensure
    %i[@runtime @crash_policy].each { |name| Karafka::Embedded.instance_variable_set(name, nil) }
  end
end

RSpec.configure do |config|
  config.define_derived_metadata(file_path: %r{/spec/(engine|kafka)/}) do |metadata|
    metadata[:fresh_app] = true
    metadata[:embedded_app] = true
  end
  config.include EmbeddedApp, :embedded_app
  config.after(:each, :embedded_app) { EmbeddedApp.clean_up }
end
