# frozen_string_literal: true

module Karafka
  # What consumers receive
  module Messages
  end
end

require_relative "messages/metadata"
require_relative "messages/batch_metadata"
require_relative "messages/seek"
require_relative "messages/parser"
require_relative "messages/message"
require_relative "messages/origin"
require_relative "messages/messages"
require_relative "messages/builders/message"
require_relative "messages/builders/messages"
require_relative "messages/builders/batch_metadata"
