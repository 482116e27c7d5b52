# frozen_string_literal: true

module Karafka
  # This process, as tools that watch many of them see it. Signals are the host's business, so there are none here.
  class Process
    extend Core::Taggable

    # @return [Core::Taggable::Tags] tags of the process
    def tags
      self.class.tags
    end
  end
end
