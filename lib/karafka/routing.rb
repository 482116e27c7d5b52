# frozen_string_literal: true

module Karafka
  # Which topics are consumed by what
  module Routing
    # What Kafka takes as a name of a topic or a group
    NAME_FORMAT = /\A(\w|-|\.)+\z/
  end
end

require_relative "routing/proxy"
require_relative "routing/topic"
require_relative "routing/topics"
require_relative "routing/subscription_group"
require_relative "routing/consumer_group"
require_relative "routing/contracts/topic"
require_relative "routing/contracts/consumer_group"
require_relative "routing/contracts/routing"
require_relative "routing/builder"
require_relative "routing/features"
require_relative "routing/router"
require_relative "routing/engine_plan"
