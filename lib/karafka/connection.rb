# frozen_string_literal: true

module Karafka
  # What connects to the cluster
  module Connection
  end
end

require_relative "connection/client"
require_relative "connection/messages_buffer"
