# frozen_string_literal: true

module Karafka
  module Messages
    # A place in a partition; marks and seeks take it like a message
    # rubocop:disable Lint/StructNewOverride -- the names are the public API
    Seek = Struct.new(:topic, :partition, :offset)
    # rubocop:enable Lint/StructNewOverride
  end
end
