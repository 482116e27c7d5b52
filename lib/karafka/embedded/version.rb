# frozen_string_literal: true

module Karafka
  module Embedded
    # The version of this gem.
    VERSION = "0.1.0"
  end
end
