# frozen_string_literal: true

# Gives an example settings, routes and a monitor of its own
module FreshApp
  # Before anything was read: a default that was built once would be shared by all examples
  PRISTINE = Karafka::Setup::Config.config.deep_dup

  class << self
    def around
      before = replace(PRISTINE.deep_dup)
      yield
    ensure
      replace(before)
    end

    private

    def replace(config)
      previous = Karafka::Setup::Config.config
      Karafka::Setup::Config.instance_variable_set(:@config, config)
      Karafka.refresh!
      Karafka::Instrumentation::AssignmentsTracker.instance.clear
      previous
    end
  end
end
