# frozen_string_literal: true

module Karafka
  # Building blocks that know nothing of Kafka
  module Core
  end
end

require_relative "core/helpers/time"
require_relative "core/taggable"
require_relative "core/configurable"
require_relative "core/contractable/contract"
require_relative "core/monitoring/event"
require_relative "core/monitoring/notifications"
require_relative "core/monitoring/monitor"
