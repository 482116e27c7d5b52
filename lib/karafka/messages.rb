# frozen_string_literal: true

module Karafka
  # What consumers receive
  module Messages
    # It is native beneath, and nothing native is loaded before it is used
    autoload :Message, File.expand_path("messages/message", __dir__)
  end
end

require_relative "messages/metadata"
require_relative "messages/batch_metadata"
require_relative "messages/seek"
require_relative "messages/parser"
require_relative "messages/origin"
require_relative "messages/messages"
require_relative "messages/builders/message"
require_relative "messages/builders/messages"
require_relative "messages/builders/batch_metadata"
