# frozen_string_literal: true

require "net/http"

# A host that answers requests at its port
module Serving
  # @return [Integer]
  attr_reader :port

  # @param uri [String]
  # @return [Net::HTTPResponse, nil] nil where nobody answers
  def get(uri)
    Net::HTTP.start("127.0.0.1", port, open_timeout: 5, read_timeout: 60) { |http| http.get(uri) }
  rescue SystemCallError, IOError
    nil
  end

  # @return [Boolean]
  def serving?
    get("/")&.code == "200"
  end
end
