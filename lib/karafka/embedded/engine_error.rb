# frozen_string_literal: true

module Karafka
  module Embedded
    # An error of the engine that is not librdkafka's; the message says what failed, where and why
    class EngineError < Errors::BaseError; end
  end
end
