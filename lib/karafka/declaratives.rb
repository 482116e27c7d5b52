# frozen_string_literal: true

module Karafka
  # What topics should look like on the cluster
  module Declaratives
  end
end

require_relative "declaratives/topic"
require_relative "declaratives/repository"
require_relative "declaratives/builder"
