# frozen_string_literal: true

module Karafka
  # The version of the framework whose embedded mode this gem is compatible with; code that asks for
  # `Karafka::VERSION` asks which API it has. The gem's own version is {Karafka::Embedded::VERSION}.
  VERSION = "2.6.1"
end
