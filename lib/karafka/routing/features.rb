# frozen_string_literal: true

require_relative "features/base"
require_relative "features/activable"
require_relative "features/deserializers"
require_relative "features/manual_offset_management"
require_relative "features/dead_letter_queue"
require_relative "features/eofed"
require_relative "features/inline_insights"
require_relative "features/declaratives"
require_relative "features/active_job"

module Karafka
  module Routing
    # What a route can say beyond the bare settings, a module a feature
    module Features
      [Activable, Deserializers, ManualOffsetManagement, DeadLetterQueue, Eofed, InlineInsights, Declaratives,
       ActiveJob].each(&:activate)
    end
  end
end
