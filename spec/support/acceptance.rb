# frozen_string_literal: true

# The acceptance criteria name numbers that take long. KARAFKA_EMBEDDED_ACCEPTANCE=1 runs the specs with those; without
# it they do the same with less, so that each change can be tested.
module Acceptance
  # @param full [Object] the criterion's number
  # @param short [Object] the one for everyday
  def self.size(full:, short:)
    ENV["KARAFKA_EMBEDDED_ACCEPTANCE"] == "1" ? full : short
  end

  # Figures of a run, for people. They are no part of the result.
  # @param text [String]
  def self.note(text)
    RSpec.configuration.reporter.message("  #{text}")
  end
end
