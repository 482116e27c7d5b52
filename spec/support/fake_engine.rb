# frozen_string_literal: true

require_relative "fake_lease"

# Consumers of one topic that run without an engine: what they do to their lease and their partition is written down.
module FakeEngine
  # The jobs of one partition
  class Run
    include FakeNative

    attr_reader :partition, :topic, :consumer, :events, :errors

    # @param topic [Karafka::Routing::Topic]
    # @param client [Object, nil] what consumers have as `client`
    def initialize(topic, client: nil)
      @topic = topic
      @client = client
      @partition = FakeNative::Partition.new(topic: topic.name)
      @executors = Karafka::Processing::Executors.new
      @events = []
      @errors = []
      watch
    end

    # @param lease [FakeNative::Lease]
    # @return [Array] what the lease was told
    def call(lease)
      work_on(@executors, lease, topic, client: @client)
      @consumer = @executors.consumers.first || @consumer
      lease.outcomes
    end

    # @param kind [Symbol]
    # @param batch [FakeNative::Batch, nil]
    def lease(kind = :consume, batch: nil)
      FakeNative::Lease.new(kind: kind, partition: partition, batch: batch)
    end

    # @return [Karafka::Core::Monitoring::Event, nil]
    def event(id)
      events.find { |one| one.id == id }
    end

    private

    def watch
      ids = Karafka::Instrumentation::Notifications::EVENTS.grep(/\A(consumer|worker|dead_letter_queue)\./)
      ids.each { |id| Karafka.monitor.subscribe(id) { |event| @events << event } }
      Karafka.monitor.subscribe("error.occurred") { |event| @errors << event }
    end
  end

  # A topic with a consumer whose `consume` is the block
  # @param hooks [Hash{Symbol => Proc}] further methods of the consumer
  # @param options [Proc] further options of the route
  # @return [Run]
  def run_of(options = nil, client: nil, **hooks, &consume)
    setup_app
    reader = Class.new(Karafka::BaseConsumer) do
      { consume: consume, **hooks }.each { |name, body| define_method(name, &body) if body }
    end
    Karafka::App.routes.redraw do
      topic(:orders) do
        consumer reader
        instance_eval(&options) if options
      end
    end
    Run.new(Karafka::App.routes.first.topics.first, client: client)
  end
end

RSpec.configure { |config| config.include FakeEngine }
