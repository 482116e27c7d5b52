# frozen_string_literal: true

module Karafka
  # What turns bytes into objects unless a topic says otherwise. Anything that responds to `call` does.
  module Deserializers
  end
end

require_relative "deserializers/payload"
require_relative "deserializers/key"
require_relative "deserializers/headers"
