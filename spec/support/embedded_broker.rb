# frozen_string_literal: true

require "securerandom"

# The broker of spec/engine: one for the whole run, with topics of each example's own
module EmbeddedBroker
  class << self
    # @return [Karafka::Embedded::Broker]
    def shared
      @shared ||= Karafka::Embedded::Broker.start
    end
  end

  # @return [String]
  def bootstrap
    EmbeddedBroker.shared.bootstrap_servers
  end

  # Options of a program in a child process, which does not know that the broker is an embedded one
  # @return [Hash{Symbol => Object}]
  def on_broker
    { bootstrap: bootstrap, kafka: Karafka::Embedded::Broker::CLIENT_SETTINGS, group: unique("group") }
  end

  # @return [String] name of a new topic
  def create_topic(prefix = "topic", partitions: 1)
    unique(prefix).tap { |name| EmbeddedBroker.shared.create_topic(name, partitions: partitions) }
  end
end

RSpec.configure do |config|
  config.define_derived_metadata(file_path: %r{/spec/engine/}) { |metadata| metadata[:embedded_broker] = true }
  config.include EmbeddedBroker, :embedded_broker
end
