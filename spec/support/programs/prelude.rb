# frozen_string_literal: true

# What every program starts with: the gem, an application on the broker that it was told of, and a way to tell.

require "json"
require "karafka"
require "logger"
require_relative "../eventually"

# What a program is made of
module Program
  OPTIONS = JSON.parse(ARGV.fetch(0), symbolize_names: true)
  OUT = $stdout.dup
  OUT.sync = true
  # Whatever else writes to standard output must not be taken for a line of ours
  $stdout.reopen($stderr)

  module_function

  # @see Eventually#eventually
  def eventually(...)
    Eventually.eventually(...)
  end

  # @see Eventually#now
  def now
    Eventually.now
  end

  # @param event [Symbol]
  def tell(event, **details)
    OUT.syswrite("#{JSON.generate(event: event, **details)}\n")
  end

  # @yieldparam config [Karafka::Setup::ConfigProxy]
  def setup(kafka: {})
    Karafka::App.setup do |config|
      config.group_id = OPTIONS.fetch(:group)
      config.logger = Logger.new($stderr, level: Logger::WARN)
      config.pause.timeout = 10
      config.pause.max_timeout = 50
      config.kafka = { "bootstrap.servers": OPTIONS.fetch(:bootstrap), **OPTIONS.fetch(:kafka, {}), **kafka }
      yield(config) if block_given?
    end
  end

  # @param topic [String]
  # @param consumer_class [Class]
  # @param group [String]
  def route(topic, consumer_class, group: OPTIONS.fetch(:group))
    Karafka::App.routes.draw { consumer_group(group) { topic(topic) { consumer consumer_class } } }
  end

  # Waits for the example's word to go on, which is TERM; it may have come
  def await_term
    eventually("TERM", within: 600) { @term }
  end

  # @api private
  def term
    @term = true
  end

  # @return [Integer]
  def assigned
    (Karafka::Embedded.health[:groups] || []).sum { |group| group[:assigned].size }
  end
end

trap(:TERM) { Program.term }
