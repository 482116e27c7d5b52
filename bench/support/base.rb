# frozen_string_literal: true

module Bench
  # What every bench is told
  class Base
    # @param servers [String] `bootstrap.servers`
    # @param options [CLI::Options]
    # @param reporter [Reporter] told what was found
    def initialize(servers, options, reporter)
      @servers = servers
      @options = options
      @reporter = reporter
    end
  end
end
