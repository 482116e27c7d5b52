# frozen_string_literal: true

module Karafka
  # Runs what the engine hands out
  module Processing
  end
end

require_relative "processing/behaviours"
require_relative "processing/coordinator"
require_relative "processing/executor"
require_relative "processing/executors"
require_relative "processing/jobs"
